//! The arguments of `simulate`.
use clap::Args;

/// What says what is played, and has no meaning beside `--list` and `--print`.
#[cfg(not(feature = "report"))]
const OF_A_PLAY: [&str; 6] = ["scenarios", "seed", "strategies", "hours", "hosts", "quota"];
#[cfg(feature = "report")]
const OF_A_PLAY: [&str; 7] = [
    "scenarios",
    "seed",
    "strategies",
    "hours",
    "hosts",
    "quota",
    "report",
];

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Scenarios: files in TOML, or names of those that come with the command (see --list). What has no dot and no slash in it is a name.
    #[arg(value_name = "FILE|NAME", required_unless_present_any = ["list", "print"])]
    pub(crate) scenarios: Vec<String>,
    /// Tell the scenarios that come with the command, and what each teaches.
    #[arg(long, conflicts_with = "print", conflicts_with_all = OF_A_PLAY)]
    pub(crate) list: bool,
    /// Print the file of a scenario that comes with the command, to start from.
    #[arg(long, value_name = "NAME", conflicts_with_all = OF_A_PLAY)]
    pub(crate) print: Option<String>,
    /// Draw other random numbers than the scenario says.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Play only these strategies of the scenario.
    #[arg(long = "strategy", value_delimiter = ',', value_name = "NAME")]
    pub(crate) strategies: Vec<String>,
    /// Play so many hours of virtual time, such as 0.5, whatever the scenario says.
    #[arg(long)]
    pub(crate) hours: Option<f64>,
    /// Play so many hosts that seal.
    #[arg(long)]
    pub(crate) hosts: Option<u32>,
    /// Have KMS answer so many calls a second, and refuse the rest.
    #[arg(long, value_name = "CALLS")]
    pub(crate) quota: Option<u64>,
    #[cfg(feature = "report")]
    #[command(flatten)]
    pub(crate) report: super::ReportArgs,
}
