//! Where requests go, and whether the SDK can make anything of it: found out when a provider is built.
use std::task::{Context, Poll, Waker};

use aws_sdk_kms::{
    config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _},
    error::BoxError,
};
use aws_types::{SdkConfig, service_config::ServiceConfigKey};

use crate::build_error::BuildError;

/// The endpoint that a configuration sets, found as the SDK finds it, but for one that is set to nothing.
///
/// An environment variable that is there and empty sets it to nothing, as compose files do; the SDK would panic over it
/// at the first call.
pub(crate) fn given(config: &SdkConfig) -> Option<String> {
    let own = || {
        let key = ServiceConfigKey::builder()
            .service_id("KMS")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        config.service_config()?.load_config(key.ok()?)
    };
    let is_set = |url: &String| !url.trim().is_empty();
    let given = || config.endpoint_url().map(str::to_owned).filter(is_set);
    if config.get_origin("endpoint_url").is_client_config() {
        given()
    } else {
        own().filter(is_set).or_else(given)
    }
}

/// What a configuration says of where to send requests.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    region: Option<String>,
    url: Option<String>,
    fips: bool,
    dual_stack: bool,
}

impl Destination {
    pub(crate) fn of(config: &SdkConfig) -> Self {
        Self {
            region: config.region().map(ToString::to_string),
            url: given(config),
            fips: config.use_fips().unwrap_or_default(),
            dual_stack: config.use_dual_stack().unwrap_or_default(),
        }
    }

    /// Asks the SDK's own rules, as each call would.
    pub(crate) fn check(self) -> Result<(), BuildError> {
        if let Some(url) = &self.url {
            check_url(url)?;
        }
        let params = Params::builder()
            .set_region(self.region)
            .set_endpoint(self.url)
            .use_fips(self.fips)
            .use_dual_stack(self.dual_stack);
        let refused = match params.build() {
            Ok(params) => resolve(&params).err(),
            Err(invalid) => Some(invalid.into()),
        };
        match refused {
            Some(reason) => Err(BuildError::Endpoint(reason.to_string().into())),
            None => Ok(()),
        }
    }
}

fn resolve(params: &Params) -> Result<(), BoxError> {
    let resolver = DefaultResolver::new();
    let resolved = std::pin::pin!(resolver.resolve_endpoint(params));
    // The rules are a table, so that there is nothing to wait for.
    match resolved.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(resolved) => resolved.map(drop),
        Poll::Pending => Ok(()),
    }
}

fn check_url(url: &str) -> Result<(), BuildError> {
    let host = ["http://", "https://"].iter().find_map(|scheme| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    match host {
        Some(host) if !host.is_empty() && !host.starts_with(['/', ':', '?', '#']) => Ok(()),
        _ => Err(BuildError::Endpoint(
            "an endpoint URL starts with http:// or https:// and a host".into(),
        )),
    }
}
