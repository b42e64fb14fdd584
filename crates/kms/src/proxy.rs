//! The proxy that stands between this host and KMS, where it refuses the connection.
use std::{env, error::Error};

/// What the HTTP client says of a proxy that asks for a password (407), and of one that answers anything else than 200. Its type
/// is not public; that these texts are still its texts is tested through a proxy.
const REFUSALS: [&str; 2] = [
    "tunnel error: proxy authorization required",
    "tunnel error: unsuccessful",
];

/// Where the SDK's HTTP client looks for the proxy of HTTPS endpoints.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The longest name of a proxy that is told.
const MAX_LEN: usize = 256;

/// Whether a proxy answered that it does not connect to KMS.
pub(crate) fn refused(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if REFUSALS.iter().any(|refusal| text.ends_with(refusal)) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The proxy that the environment names for HTTPS, without user and password.
pub(crate) fn named() -> Option<Box<str>> {
    let given = VARIABLES.iter().find_map(|name| env::var(name).ok());
    given.filter(|url| !url.is_empty()).map(|url| address(&url))
}

/// Scheme, host and port of a URL.
fn address(url: &str) -> Box<str> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let visible = |char: &char| char.is_ascii_graphic();
    let text = format!("{scheme}://{host}");
    text.chars()
        .filter(visible)
        .take(MAX_LEN)
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_password() {
        for (url, named) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            (
                "http://user:p%40ss@proxy.example:3128/path?x#y",
                "http://proxy.example:3128",
            ),
            ("https://a@b@proxy.example", "https://proxy.example"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("user:pass@proxy.example\n", "http://proxy.example"),
            ("", "http://"),
        ] {
            assert_eq!(&*address(url), named);
        }
    }
}
