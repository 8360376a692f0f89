//! Credentials: what shows that a user may enter a room.

use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Serialize};

/// What a user shows: opaque until it is checked.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case")]
pub enum Credential {
    /// A SparkRTC signature.
    Signature {
        /// The signature.
        signature: Arc<str>,
        /// Until when it is good.
        ctime: Arc<str>,
    },
    /// An Agora channel key.
    ChannelKey {
        /// The key.
        key: Arc<str>,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}
