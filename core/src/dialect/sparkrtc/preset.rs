//! SparkRTC's policies, as settings of the machines.

use crate::session::{self, AfterWindow};

/// How a session behaves that is SparkRTC's: it gives up when the reconnect window is over, and its first connection is tried once. The vendor prints no timers, so
/// they are the core's.
pub fn session_config() -> session::Config {
    session::Config {
        after_window: AfterWindow::GiveUp,
        lost_after: None,
        lookup_timeout: None,
        retry_join: false,
        ..session::Config::default()
    }
}
