//! Whoever calls, as conditions ask about it.
use std::net::IpAddr;

/// Whoever calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) arn: &'a str,
    pub(super) tags: &'a [(String, String)],
    /// Where all its calls come from, if it is said.
    pub(super) address: Option<IpAddr>,
}

impl<'a> Caller<'a> {
    pub(super) fn account(self) -> &'a str {
        account_of(self.arn).unwrap_or_default()
    }

    /// The ARN that conditions go by: of whoever has assumed a role, the role's.
    pub(super) fn role_arn(self) -> String {
        let Some((start, rest)) = self.arn.split_once(":assumed-role/") else {
            return self.arn.to_owned();
        };
        let role = rest.split('/').next().unwrap_or_default();
        format!("{}:role/{role}", start.replace(":sts:", ":iam:"))
    }

    /// What conditions find under `aws:PrincipalType`.
    pub(super) fn kind(self) -> &'static str {
        match self.name().split('/').next() {
            Some("root") => "Account",
            Some("user") => "User",
            Some("federated-user") => "FederatedUser",
            _ => "AssumedRole",
        }
    }

    /// The name of a user, without its path.
    pub(super) fn user_name(self) -> Option<&'a str> {
        let name = self.name().strip_prefix("user/")?;
        name.rsplit('/').next()
    }

    /// What the ARN ends with: `user/shop`.
    fn name(self) -> &'a str {
        self.arn.splitn(6, ':').nth(5).unwrap_or_default()
    }
}

/// The account in the ARN of a principal.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let start = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_principal = start.0 == "arn" && matches!(start.2, "iam" | "sts") && region.is_empty();
    (is_principal && is_account && !name.is_empty()).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(arn: &str) -> Caller<'_> {
        Caller {
            arn,
            tags: &[],
            address: None,
        }
    }

    #[test]
    fn users_have_names() {
        for (name, kind, user) in [
            ("user/shop", "User", Some("shop")),
            ("user/teams/shop", "User", Some("shop")),
            ("root", "Account", None),
            ("role/shop", "AssumedRole", None),
            ("federated-user/shop", "FederatedUser", None),
        ] {
            let arn = format!("arn:aws:iam::111122223333:{name}");
            let caller = caller(&arn);
            assert_eq!((caller.kind(), caller.user_name()), (kind, user), "{name}");
            assert_eq!(caller.role_arn(), arn);
        }
    }

    #[test]
    fn sessions_go_by_their_roles() {
        let session = caller("arn:aws:sts::111122223333:assumed-role/orders/session-1");
        assert_eq!(session.role_arn(), "arn:aws:iam::111122223333:role/orders");
        assert_eq!((session.kind(), session.user_name()), ("AssumedRole", None));
        assert_eq!(session.account(), "111122223333");
    }
}
