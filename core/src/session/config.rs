//! How a session behaves.

use core::time::Duration;

use crate::{limits, quality::Rules};

/// How a session behaves. Spans below [`limits::SPAN_MIN`] are taken as that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// How long the first connection may take.
    pub connect_timeout: Duration,
    /// How long a request may go without its answer.
    pub response_timeout: Duration,
    /// How often the session says it is there.
    pub heartbeat_interval: Duration,
    /// Silence after which the connection counts as lost.
    pub heartbeat_timeout: Duration,
    /// How long to try to come back, where that has an end.
    pub reconnect_window: Duration,
    /// Whether it has one, and what then.
    pub after_window: AfterWindow,
    /// How long an interruption may last before the application is told that the connection is lost ([`Event::StillAway`](super::Event::StillAway), R-029); never when absent.
    pub lost_after: Option<Duration>,
    /// How long looking the server up may take before the first connection is opened; no lookup when absent.
    pub lookup_timeout: Option<Duration>,
    /// Whether a first connection that fails, or on which the join goes unanswered, is tried again, with a warning ([`Event::Trouble`](super::Event::Trouble), R-033), until the application leaves.
    /// What the server refuses, and what no other attempt can mend, ends the join all the same.
    pub retry_join: bool,
    /// What counts as how good a connection.
    pub quality: Rules,
    /// For spreading retries over time; two sessions of one seed wait alike.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: limits::CONNECT_TIMEOUT,
            response_timeout: limits::RESPONSE_TIMEOUT,
            heartbeat_interval: limits::HEARTBEAT_INTERVAL,
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            reconnect_window: limits::RECONNECT_WINDOW,
            after_window: AfterWindow::GiveUp,
            lost_after: None,
            lookup_timeout: None,
            retry_join: false,
            quality: Rules::default(),
            seed: 0,
        }
    }
}

/// What a session does when the reconnect window is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterWindow {
    /// The stay is over.
    GiveUp,
    /// It goes on trying until the application leaves or the server refuses; where the server keeps the stay no longer, it enters anew, publishes and subscribes again.
    KeepTrying,
}
