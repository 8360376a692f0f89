//! What a member of a room may do.

use serde::{Deserialize, Serialize};

/// What a member may do. Numbers are the SparkRTC ones; there is no role 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// On stage: publishes and subscribes.
    Joiner,
    /// In the audience: subscribes only.
    Player,
}

impl Role {
    /// Whether a member of this role may publish streams.
    pub const fn may_publish(self) -> bool {
        match self {
            Self::Joiner => true,
            Self::Player => false,
        }
    }

    /// The word for it in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joiner => "joiner",
            Self::Player => "player",
        }
    }
}
