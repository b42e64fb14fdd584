//! What is known of a request, as conditions ask for it.
use crate::KmsContext;

/// The values of the condition keys of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The caller.
    pub(super) account: &'a str,
    pub(super) arn: &'a str,
    /// The Region of the key.
    pub(super) region: &'a str,
    /// The encryption context, of the operations that have one.
    pub(super) context: Option<&'a KmsContext>,
}

/// What conditions can be about, in lower case. A call here comes from nobody's service, so that `kms:ViaService` is known to be
/// absent.
const KNOWN: [&str; 8] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "kms:calleraccount",
    "kms:encryptionalgorithm",
    "kms:encryptioncontextkeys",
    "kms:keyspec",
    "kms:viaservice",
];
const OF_CONTEXT: &str = "kms:encryptioncontext:";

/// Whether it is told what a condition key, in lower case, is in a request: of another one a condition would be decided wrongly.
pub(super) fn are_known(key: &str) -> bool {
    KNOWN.contains(&key) || key.starts_with(OF_CONTEXT)
}

impl Facts<'_> {
    /// The values of a condition key, named in lower case; none when the request has no such key.
    pub(super) fn values_of(&self, key: &str) -> Vec<String> {
        let context = || self.context.into_iter().flat_map(KmsContext::iter);
        if let Some(name) = key.strip_prefix(OF_CONTEXT) {
            let named = context().filter(|(own, _)| own.eq_ignore_ascii_case(name));
            return named.map(|(_, value)| value.to_owned()).collect();
        }
        match key {
            "kms:encryptioncontextkeys" => context().map(|(own, _)| own.to_owned()).collect(),
            "kms:calleraccount" | "aws:principalaccount" => vec![self.account.to_owned()],
            "aws:principalarn" => vec![self.arn.to_owned()],
            "aws:requestedregion" => vec![self.region.to_owned()],
            "kms:keyspec" | "kms:encryptionalgorithm" if self.context.is_some() => {
                vec!["SYMMETRIC_DEFAULT".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}
