//! The operations of KMS that the fake lacks, and why: a client that needs one is to learn which, and what there is.
use crate::{KmsError, KmsErrorCode, KmsOperation};

/// Why an operation is lacking, and all that are for this reason.
const LACKING: [(&str, &[&str]); 3] = [
    (
        "it has symmetric encryption keys only, and asymmetric keys and MACs are out of its scope",
        &[
            "DeriveSharedSecret",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GenerateMac",
            "GetPublicKey",
            "Sign",
            "Verify",
            "VerifyMac",
        ],
    ),
    (
        "all its keys have key material of its own, and none is imported",
        &[
            "DeleteImportedKeyMaterial",
            "GetParametersForImport",
            "ImportKeyMaterial",
        ],
    ),
    (
        "it has no custom key stores",
        &[
            "ConnectCustomKeyStore",
            "CreateCustomKeyStore",
            "DeleteCustomKeyStore",
            "DescribeCustomKeyStores",
            "DisconnectCustomKeyStore",
            "UpdateCustomKeyStore",
        ],
    ),
];

/// No operation of KMS has a longer name.
const MAX_SHOWN: usize = 64;

/// The names of all that are lacking.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LACKING.iter().flat_map(|(_, names)| names.iter().copied())
}

/// The refusal of an operation that the fake lacks.
pub(crate) fn refusal(name: &str) -> KmsError {
    let shown: String = name.chars().take(MAX_SHOWN).collect();
    let of_kms = LACKING.iter().find(|(_, names)| names.contains(&name));
    let why = match of_kms {
        Some((why, _)) => format!("This emulator lacks the operation {shown}: {why}."),
        None => format!("This emulator knows no operation {shown:?}."),
    };
    let had: Vec<&str> = KmsOperation::ALL.iter().map(|had| had.as_str()).collect();
    KmsError::with_message(
        KmsErrorCode::UnknownOperation,
        format!("{why} It has {}.", had.join(", ")),
    )
}

/// The name that a lacking operation is counted under: its own when KMS may have it, so that no client makes up names without
/// end.
pub(crate) fn counted_as(name: &str) -> &'static str {
    names().find(|own| *own == name).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_is_lacking_and_there() {
        for (_, names) in LACKING {
            for name in names {
                assert_eq!(KmsOperation::from_name(name), None, "{name}");
                assert_eq!(counted_as(name), *name);
            }
        }
        assert_eq!(counted_as("Decrypt"), "other");
    }
}
