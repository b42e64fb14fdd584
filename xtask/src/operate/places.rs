//! Where everything is.

pub const DASHBOARD: &str = "docs/operate/datakey-dashboard.json";
pub const RULES: &str = "docs/operate/datakey-rules.yml";
pub const RULES_TEST: &str = "docs/operate/datakey-rules-test.yml";
pub const PAGE: &str = "docs/operate/README.md";
pub const WORK: &str = "target/operate";
