//! The feature `fips`: AWS-LC's FIPS module, or nothing.
use datakey_keyring::ConfigError;

/// Whether this program computes with the FIPS module of AWS-LC, in its approved mode.
///
/// The feature `fips` asks for the module and refuses what is not approved; the module itself is linked by the program, which has
/// `aws-lc-rs` with its feature `fips` among its dependencies. Where it has not, all that is built or sealed fails with
/// [`ConfigError::NotApproved`] or an error of the same text: nothing is computed by another library in its stead.
///
/// ```toml
/// [dependencies]
/// aws-lc-rs = { version = "1", default-features = false, features = ["fips"] }
/// datakey = { version = "0.1", features = ["fips"] }
/// ```
///
/// A service that must not run otherwise says so when it starts:
///
/// ```
/// fn start(must_be_fips: bool) -> Result<(), &'static str> {
///     if must_be_fips && !datakey::is_fips() {
///         return Err("this is not the build for here");
///     }
///     Ok(())
/// }
/// # start(false).unwrap();
/// ```
#[must_use]
pub fn is_fips() -> bool {
    datakey_envelope::is_fips()
}

const WITHOUT_MODULE: &str = "the feature `fips` is on, and this program does not link the FIPS module of AWS-LC or it is not in its \
     approved mode; add `aws-lc-rs` with its feature `fips` to the program's dependencies";

/// Said where this workspace builds all features without the module, which is never shipped.
fn may_lack_module() -> bool {
    option_env!("DATAKEY_FIPS_WITHOUT_MODULE") == Some("1")
}

/// Whether the module is there, where it was asked for.
pub(crate) fn check_module() -> Result<(), &'static str> {
    if cfg!(feature = "fips") && !may_lack_module() && !is_fips() {
        Err(WITHOUT_MODULE)
    } else {
        Ok(())
    }
}

/// The same, for builders.
pub(crate) fn check_built() -> Result<(), ConfigError> {
    check_module().map_err(ConfigError::NotApproved)
}
