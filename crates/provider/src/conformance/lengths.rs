//! Data keys of each length.
use super::{
    tried::{has_length, opens_to},
    violation::{Check, succeeds},
};
use crate::{DataKey, DataKeyLength, EncryptionContext, ErrorClass, KeyProvider};

/// Makes and wraps data keys of each length.
pub(super) async fn each_length<P: KeyProvider + ?Sized>(provider: &P, context: &EncryptionContext) -> Check {
    for length in DataKeyLength::ALL {
        makes(provider, context, length).await?;
        wraps(provider, context, length).await?;
    }
    Ok(())
}

/// Each length, or a refusal of one that the service does not make. All make 32 bytes.
async fn makes<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
    length: DataKeyLength,
) -> Check {
    let made = match provider.generate_data_key(context, length).await {
        Err(error) if length != DataKeyLength::Bytes32 && error.class() == ErrorClass::InvalidRequest => {
            return Ok(());
        }
        made => succeeds("generate_data_key succeeds for each length", made)?,
    };
    has_length(&made, length)?;
    opens_to(provider, context, made.wrapped_keys(), made.data_key()).await
}

/// A given data key is wrapped whatever its length, and opens to as many bytes.
async fn wraps<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
    length: DataKeyLength,
) -> Check {
    let data_key = DataKey::init(length, |bytes| bytes.fill(0x96));
    let wrapped = provider.encrypt(context, &data_key).await;
    let wrapped = succeeds("encrypt succeeds for each length", wrapped)?;
    opens_to(provider, context, &wrapped, &data_key).await
}
