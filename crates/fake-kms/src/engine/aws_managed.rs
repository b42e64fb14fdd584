//! The keys that services of AWS have in an account: made when they are first described, and managed by nobody in the account.
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
};

use super::{
    Engine,
    alias::Alias,
    key::{Inner, Key, Status},
    material::{Schedule, Shared},
};
use crate::{
    KmsError, KmsErrorCode,
    access::{Policy, Principal},
    arn::{KeyId, partition_of},
    clock::DAY,
    locks::{read, write},
};

const PREFIX: &str = "alias/aws/";

/// How often KMS gives them new key material, in days.
const ROTATION_DAYS: u32 = 365;

/// What the aliases are called after `alias/aws/`, and what goes before the Region in `kms:ViaService`.
const SERVICES: [(&str, &str); 35] = [
    ("acm", "acm"),
    ("auditmanager", "auditmanager"),
    ("backup", "backup"),
    ("codeartifact", "codeartifact"),
    ("codecommit", "codecommit"),
    ("connect", "connect"),
    ("dms", "dms"),
    ("ds", "directoryservice"),
    ("dynamodb", "dynamodb"),
    ("ebs", "ec2"),
    ("elasticfilesystem", "elasticfilesystem"),
    ("es", "es"),
    ("fsx", "fsx"),
    ("glue", "glue"),
    ("kafka", "kafka"),
    ("kinesis", "kinesis"),
    ("kinesisvideo", "kinesisvideo"),
    ("lambda", "lambda"),
    ("lex", "lex"),
    ("lightsail", "lightsail"),
    ("memorydb", "memorydb"),
    ("mwaa", "airflow"),
    ("rds", "rds"),
    ("redshift", "redshift"),
    ("s3", "s3"),
    ("secretsmanager", "secretsmanager"),
    ("ses", "ses"),
    ("sns", "sns"),
    ("sqs", "sqs"),
    ("ssm", "ssm"),
    ("timestream", "timestream"),
    ("translate", "translate"),
    ("workmail", "workmail"),
    ("workspaces", "workspaces"),
    ("xray", "xray"),
];

impl Engine {
    /// Makes the key of a service if it is that which a request names, and it is not there.
    pub(super) fn make_if_of_service(&self, text: &str) -> Result<(), KmsError> {
        let resource = if text.starts_with("arn:") {
            self.place.resource_of(text).unwrap_or_default()
        } else {
            text
        };
        let name = resource.strip_prefix(PREFIX);
        let service = SERVICES.iter().find(|(own, _)| Some(*own) == name);
        let Some((name, via)) = service.filter(|_| !read(&self.aliases).contains_key(resource)) else {
            return Ok(());
        };
        let key = Arc::new(self.key_of_service(name, via)?);
        let now = key.created;
        let mut keys = write(&self.keys);
        let mut aliases = write(&self.aliases);
        // Two may have asked at a time.
        if !aliases.contains_key(resource) {
            let alias = Alias {
                target: key.id,
                created: now,
                updated: now,
            };
            keys.insert(key.id, key);
            aliases.insert(resource.into(), alias);
        }
        Ok(())
    }

    fn key_of_service(&self, name: &str, via: &str) -> Result<Key, KmsError> {
        let internal = |_no_random| KmsErrorCode::Internal;
        let (id, now) = (KeyId::random(false).map_err(internal)?, self.clock.unix());
        let shared = Shared::new(None).map_err(internal)?;
        shared.set_schedule(Some(Schedule {
            period_days: ROTATION_DAYS,
            next: now.saturating_add(DAY.saturating_mul(ROTATION_DAYS)),
        }));
        let policy =
            Policy::of_key(&self.policy_of_service(name, via)).map_err(|_ours| KmsErrorCode::Internal)?;
        Ok(Key {
            id,
            arn: self.place.key_arn(id),
            region: Arc::clone(&self.place.region),
            created: now,
            is_aws_managed: true,
            shared: Arc::new(shared),
            inner: RwLock::new(Inner {
                status: Status::Enabled,
                description: format!("Default key that protects my {name} data when no other key is defined")
                    .into(),
                policy: Arc::new(policy),
                tags: BTreeMap::new(),
                grants: BTreeMap::new(),
            }),
        })
    }

    /// Everybody in the account may look at it, and use it through the service only.
    fn policy_of_service(&self, name: &str, via: &str) -> String {
        let (account, region) = (&self.place.account, &self.place.region);
        let partition = partition_of(region);
        format!(
            r#"{{
  "Version" : "2012-10-17",
  "Id" : "auto-{name}-1",
  "Statement" : [ {{
    "Sid" : "Allow access through the service for all principals in the account that are authorized to use it",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "*"
    }},
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {{
      "StringEquals" : {{
        "kms:CallerAccount" : "{account}",
        "kms:ViaService" : "{via}.{region}.amazonaws.com"
      }}
    }}
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  }} ]
}}"#
        )
    }

    /// The account as a principal: who asks where nobody is told to, of keys that are not all its own.
    pub(super) fn root(&self) -> Result<Principal, KmsError> {
        let partition = partition_of(&self.place.region);
        let arn = format!("arn:{partition}:iam::{}:root", self.place.account);
        Principal::new("OWNER", "", &arn).map_err(|_not_so| KmsErrorCode::Internal.into())
    }
}
