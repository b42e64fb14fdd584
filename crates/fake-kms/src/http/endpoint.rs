//! What is behind an address: a fake, and who is let in to it.
use std::sync::Arc;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    HeaderMap,
    body::{Body as _, Bytes, Incoming},
    http::request::Parts,
};
use tokio::time::timeout;

use super::{
    body::Broken,
    settings::Settings,
    signature::{self, Authorization},
};
use crate::{FakeKms, KmsError, access::Source};

/// The longest body of a request, in bytes: room for a key policy of the greatest length, escaped, and for much more
/// than all else needs.
pub const MAX_BODY_LEN: usize = 256 * 1024;

/// What is behind an address.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) fake: FakeKms,
    pub(super) settings: Arc<Settings>,
    /// From where a connection comes.
    pub(super) source: Source,
}

impl Endpoint {
    /// The whole body; nothing when it is longer than [`MAX_BODY_LEN`].
    pub(super) async fn collect(&self, body: Incoming) -> Result<Option<Bytes>, Broken> {
        // A length that is claimed is refused before it is waited for; the limit below is for one that is not told.
        if body.size_hint().lower() > MAX_BODY_LEN as u64 {
            return Ok(None);
        }
        let collected = Limited::new(body, MAX_BODY_LEN).collect();
        let collected = match self.settings.request_timeout {
            Some(time) => timeout(time, collected).await.map_err(|_too_slow| Broken)?,
            None => collected.await,
        };
        match collected {
            Ok(body) => Ok(Some(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Ok(None),
            Err(_lost) => Err(Broken),
        }
    }

    /// The fake in the Region that a request says it is for, whoever sent it; its own where that is none.
    pub(super) fn signed_region(&self, headers: &HeaderMap) -> FakeKms {
        let authorization = Authorization::of(headers).ok().flatten();
        let region = authorization.filter(|_| self.settings.regions_by_signature);
        let there = region.and_then(|authorization| self.fake.in_region(authorization.region).ok());
        there.unwrap_or_else(|| self.fake.clone())
    }

    /// The fake as the request's signer sees it, in the Region that the request is for.
    pub(super) fn admit(&self, head: &Parts, body: &[u8]) -> Result<FakeKms, KmsError> {
        let who_matters = self.settings.verify_signatures || self.fake.world().has_principals();
        if !who_matters && !self.settings.regions_by_signature {
            return Ok(self.fake.clone());
        }
        let authorization = match Authorization::of(&head.headers) {
            Ok(found) => found,
            Err(error) if who_matters => return Err(error),
            Err(_nobody_asked) => None,
        };
        let Some(authorization) = authorization else {
            return if who_matters {
                Err(signature::unsigned())
            } else {
                Ok(self.fake.clone())
            };
        };
        let region = if self.settings.regions_by_signature {
            authorization.region
        } else {
            self.fake.region()
        };
        let fake = self
            .fake
            .in_region(region)
            .map_err(|_no_such| signature::no_such_region())?;
        if !who_matters {
            return Ok(fake);
        }
        let principal = authorization.principal(&fake, &head.headers)?;
        if self.settings.verify_signatures {
            let now = fake.engine().clock().unix_unmoved();
            authorization.verify(&principal, region, now, head, body)?;
        }
        Ok(fake.called_by(principal))
    }
}
