//! From a parsed request to the engine and back: the cryptographic operations.
use super::{
    answer::{Answer, Reply},
    request::{Request, Side},
    validate,
};
use crate::{KmsError, KmsErrorCode, access::Asker, engine::Engine, operation::Cryptographic as Op};

pub(super) fn work(
    engine: &Engine,
    asker: &Asker<'_>,
    operation: Op,
    request: &Request<'_>,
) -> Result<Reply, KmsError> {
    let key_id = request.key_id.as_deref();
    let named = key_id.unwrap_or_default();
    let context = request.context(Side::Only)?;
    let answer = match operation {
        Op::GenerateDataKey => {
            let len = validate::data_key_len(request)?;
            Answer::data_key(engine.generate_data_key(asker, named, &context, len)?)
        }
        Op::GenerateDataKeyWithoutPlaintext => {
            let len = validate::data_key_len(request)?;
            let made = engine.generate_data_key_without_plaintext(asker, named, &context, len)?;
            Answer::wrapped_data_key(made)
        }
        Op::Encrypt => Answer::encrypted(engine.encrypt(asker, named, &context, request.plaintext())?),
        Op::Decrypt if request.ignores_ciphertext() => {
            engine.may_decrypt(asker, named, &context)?;
            return Err(KmsErrorCode::DryRun.into());
        }
        Op::Decrypt => Answer::decrypted(engine.decrypt(asker, key_id, &context, request.ciphertext())?),
        Op::ReEncrypt => {
            let source = request.context(Side::Source)?;
            let destination = request.context(Side::Destination)?;
            let to = request.destination_key_id.as_deref().unwrap_or_default();
            let from = request.source_key_id.as_deref();
            let ciphertext = request.ciphertext();
            Answer::re_encrypted(engine.re_encrypt(asker, ciphertext, (from, &source), (to, &destination))?)
        }
        Op::GenerateRandom => Answer::random(engine.generate_random(asker, validate::random_len(request)?)?),
    };
    Ok(Reply::Cryptographic(Box::new(answer)))
}
