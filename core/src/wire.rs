//! Signalling messages: what a client and the server say to each other.
//!
//! Only types live here; the bytes are the embedder's (the laboratory writes JSON with a length before it). Two rules keep old and new peers talking: a field that is not
//! known is ignored, and a message that is not known becomes [`ClientMessage::Unknown`] or [`ServerMessage::Unknown`] and is answered or skipped, never fatal.
//!
//! A released name is for ever: `core/tests/wire_golden.rs` holds one line of every message.

mod client;
mod server;

use alloc::{string::String, sync::Arc};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::{
    client::{AudioMode, ClientFrame, ClientMessage, VideoWish},
    server::{Accepted, Audience, LeaveReason, MemberInfo, RefusedWish, ServerMessage, Voice},
};
use crate::limits;

/// A version of the protocol. They are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u16);

/// The versions a peer speaks, from the oldest to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Versions {
    /// The oldest it speaks.
    pub min: Version,
    /// The newest it speaks.
    pub max: Version,
}

impl Versions {
    /// What this implementation speaks.
    pub const SUPPORTED: Self = Self { min: Version(1), max: Version(1) };

    /// The newest version that both speak.
    pub fn agree(self, other: Self) -> Option<Version> {
        let newest = self.max.min(other.max);
        (newest >= self.min && newest >= other.min && self.min <= self.max && other.min <= other.max).then_some(newest)
    }
}

impl Default for Versions {
    fn default() -> Self {
        Self::SUPPORTED
    }
}

/// How one end's media transport can be reached: ICE credentials, certificate fingerprint, candidates. Opaque to the core, which only carries it; at most
/// [`limits::MEDIA_DESCRIPTION_BYTES`] bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MediaDescription(Arc<str>);

impl MediaDescription {
    /// Wraps `text`; none when it is too long.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= limits::MEDIA_DESCRIPTION_BYTES).then(|| Self(text.into()))
    }

    /// The text, as the other end's media transport wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Its length only: descriptions hold credentials, and logs are read by many.
impl fmt::Debug for MediaDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaDescription({} bytes)", self.0.len())
    }
}

impl Serialize for MediaDescription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaDescription {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom("the media description is too long"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_agree_on_the_newest_version_that_both_speak() {
        let speaks = |min, max| Versions { min: Version(min), max: Version(max) };
        assert_eq!(speaks(1, 3).agree(speaks(2, 5)), Some(Version(3)));
        assert_eq!(speaks(1, 1).agree(speaks(2, 5)), None);
        assert_eq!(speaks(3, 1).agree(speaks(1, 5)), None, "an empty range speaks nothing");
    }
}
