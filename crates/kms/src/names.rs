//! The names that one key has: its ARN, its id, the ARNs of its replicas, aliases.
use crate::{
    KmsKeyId,
    key_id::{Arn, Resource},
};

/// Whether `name` is the ARN, the id or the ARN of a replica of the key with this ARN.
pub(crate) fn key(name: &str, key_arn: &str) -> bool {
    if name == key_arn {
        return true;
    }
    let Some((key, id)) = Arn::parse_key(key_arn) else {
        return false;
    };
    id == name || Arn::parse(name).is_some_and(|other| other.is_replica_of(&key))
}

/// Whether `name` is the alias by which a provider names the key with this ARN, in either of its forms. What the alias named
/// before it was given to another key is under it too, as far as anybody here knows.
pub(crate) fn alias(name: &str, own: &KmsKeyId, key_arn: &str, region: &str) -> bool {
    let in_region = |arn: Arn<'_>| arn.region == region;
    same_alias(name, own) && Arn::parse(key_arn).is_some_and(in_region)
}

fn same_alias(name: &str, own: &KmsKeyId) -> bool {
    let own_text = own.as_str();
    if !own.is_alias() {
        return false;
    }
    match (Arn::parse(name), own.arn()) {
        // Of one of them the account is not known.
        (Some(full), None) => alias_name(&full) == own_text.strip_prefix("alias/"),
        (None, Some(full)) => alias_name(&full) == name.strip_prefix("alias/"),
        _ => name == own_text,
    }
}

fn alias_name<'a>(arn: &Arn<'a>) -> Option<&'a str> {
    match arn.resource {
        Resource::Alias(name) => Some(name),
        Resource::Key(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "eu-central-1";
    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const REPLICA: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

    #[test]
    fn a_key_has_its_arn_its_id_and_its_replicas_for_names() {
        for (name, key_arn) in [
            (KEY, KEY),
            ("1234abcd-12ab-34cd-56ef-1234567890ab", KEY),
            ("mrk-1234abcd12ab34cd56ef1234567890ab", REPLICA),
            (&REPLICA.replace("eu-central-1", "us-east-1"), REPLICA),
        ] {
            assert!(key(name, key_arn), "{name}");
        }
        for name in [
            "",
            "alias/orders",
            "1234abcd",
            &KEY.replace("eu-central-1", "us-east-1"),
            &KEY.replace("111122223333", "444455556666"),
            REPLICA,
        ] {
            assert!(!key(name, KEY), "{name}");
        }
    }

    #[test]
    fn an_alias_names_what_was_made_by_it_in_either_form() {
        let (short, full) = (
            "alias/orders",
            "arn:aws:kms:eu-central-1:111122223333:alias/orders",
        );
        for own in [short, full] {
            let own: KmsKeyId = own.parse().unwrap();
            assert!(alias(short, &own, KEY, REGION) && alias(full, &own, KEY, REGION));
            let away = KEY.replace(REGION, "us-east-1");
            assert!(!alias(short, &own, &away, REGION));
            for other in [
                "alias/refunds",
                "orders",
                "",
                KEY,
                &full.replace("orders", "refunds"),
            ] {
                assert!(!alias(other, &own, KEY, REGION), "{other}");
            }
        }
        let key: KmsKeyId = KEY.parse().unwrap();
        assert!(!alias(short, &key, KEY, REGION));
    }
}
