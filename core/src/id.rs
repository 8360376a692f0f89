//! Identifiers: parsed once at the edge, cheap to copy and compare inside.
//!
//! Names that people and applications choose ([`AppId`], [`UserId`], [`RoomId`], [`UserName`], [`Rid`]) are checked text behind a shared pointer. Numbers that a machine hands out
//! ([`SessionId`], [`SourceId`], [`MemberId`], [`StreamId`], [`RequestId`], [`LayerId`],
//! [`TemporalId`]) are newtypes over integers, so that none is mistaken for another.

use alloc::{string::String, sync::Arc};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;

/// Why a text is not the identifier it was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("{what} is empty; it needs 1 to {max} bytes")]
    Empty {
        /// The kind of identifier.
        what: &'static str,
        /// The longest text allowed, in bytes.
        max: usize,
    },
    /// The text is longer than the identifier may be.
    #[error("{what} is {len} bytes long; at most {max} are allowed")]
    TooLong {
        /// The kind of identifier.
        what: &'static str,
        /// The length that was given, in bytes.
        len: usize,
        /// The longest text allowed, in bytes.
        max: usize,
    },
    /// The text holds a character that the identifier may not.
    #[error("{what} holds {found:?} at byte {at}; allowed are {allowed}")]
    BadCharacter {
        /// The kind of identifier.
        what: &'static str,
        /// The first character that is not allowed.
        found: char,
        /// Where it stands, in bytes from the start.
        at: usize,
        /// The characters that are.
        allowed: &'static str,
    },
}

/// Declares a checked text identifier: its name, what to call it in errors, whether it may be empty, its longest length in bytes, and which characters it may hold.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $may_be_empty:literal, $max:expr, $allowed:literal, $test:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads the identifier from `text`.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let allowed: fn(char) -> bool = $test;
                if text.is_empty() && !$may_be_empty {
                    return Err(IdError::Empty { what: $what, max: $max });
                }
                if text.len() > $max {
                    return Err(IdError::TooLong { what: $what, len: text.len(), max: $max });
                }
                if let Some((at, found)) = text.char_indices().find(|(_, c)| !allowed(*c)) {
                    return Err(IdError::BadCharacter { what: $what, found, at, allowed: $allowed });
                }
                Ok(Self(text.into()))
            }

            /// The text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// The application a room belongs to: 1 to 128 bytes of printable ASCII without `+`. The plus sign stands between the fields of what a signature is made over, so that
    /// an app id with one could be read in two ways.
    AppId, "app id", false, limits::APP_ID_BYTES, "printable ASCII characters but +",
    |c| matches!(c, ' '..='~') && c != '+'
);
text_id!(
    /// A room's name within its app: 1 to 64 bytes of printable ASCII. The vendors' own sets are narrower, and their dialects check those.
    RoomId, "room id", false, limits::ROOM_ID_BYTES, "printable ASCII characters",
    |c| matches!(c, ' '..='~')
);
text_id!(
    /// A user's name within a room: 1 to 64 characters of `a-z A-Z 0-9 - _`.
    UserId, "user id", false, limits::USER_ID_BYTES, "a-z, A-Z, 0-9, - and _",
    |c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_')
);
text_id!(
    /// A name for people to read: at most 256 bytes of UTF-8 without control characters, possibly empty.
    UserName, "user name", true, limits::USER_NAME_BYTES, "all but control characters",
    |c| !c.is_control()
);
text_id!(
    /// The restriction identifier of one simulcast layer: 1 to 16 letters or digits (RFC 8852 section 3.3; RFC 8851 section 4 allows no other character).
    Rid, "rid", false, limits::RID_BYTES, "a-z, A-Z and 0-9",
    |c| c.is_ascii_alphanumeric()
);

/// Declares a numeric identifier that a machine or its embedder hands out.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($int:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

number_id!(
    /// One signalling connection of one user, numbered by the embedder and never used again: what arrives late for an old session cannot touch a newer one.
    SessionId(u64), "session "
);
number_id!(
    /// One stay of one user in a room, numbered by the room and never used again: it outlives lost connections, and a user who leaves and enters again gets another.
    MemberId(u32), "member "
);
number_id!(
    /// A published stream, numbered by its room and never used again within it.
    StreamId(u32), "stream "
);
number_id!(
    /// Where connections come from, as far as an embedder can tell peers apart before they say who they are: an IPv4 address, or the first 64 bits of an IPv6 one.
    SourceId(u64), "source "
);
number_id!(
    /// A request of one session, numbered by the client; the answer carries the same number.
    RequestId(u32), "request "
);
number_id!(
    /// A layer of a stream: its place in the stream's ladder, lowest first.
    LayerId(u8), "layer "
);
number_id!(
    /// A temporal layer: its place among those of one encoding, 0 for the base that all others build on.
    TemporalId(u8), "temporal layer "
);

impl TemporalId {
    /// All the temporal layers there are, however many.
    pub const TOP: Self = Self(u8::MAX);
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    //
    #[test]
    fn a_user_id_has_1_to_64_letters_digits_dashes_underscores() {
        assert!(UserId::new(&"a".repeat(64)).is_ok());
        assert_eq!(UserId::new(&"a".repeat(65)), Err(IdError::TooLong { what: "user id", len: 65, max: 64 }));
        assert_eq!(UserId::new(""), Err(IdError::Empty { what: "user id", max: 64 }));
        assert_eq!(
            UserId::new("a b").map_err(|e| e.to_string()),
            Err("user id holds ' ' at byte 1; allowed are a-z, A-Z, 0-9, - and _".to_string())
        );
    }

    // R-001 R-036
    #[test]
    fn an_app_id_has_1_to_128_printable_characters_and_no_plus() {
        assert!(AppId::new(&"a".repeat(128)).is_ok());
        assert_eq!(AppId::new(&"a".repeat(129)), Err(IdError::TooLong { what: "app id", len: 129, max: 128 }));
        assert_eq!(AppId::new(""), Err(IdError::Empty { what: "app id", max: 128 }));
        assert_eq!(
            AppId::new("a+b").map_err(|e| e.to_string()),
            Err("app id holds '+' at byte 1; allowed are printable ASCII characters but +".to_string())
        );
    }

    //
    #[test]
    fn a_user_name_is_measured_in_bytes() {
        assert!(UserName::new(&"é".repeat(128)).is_ok());
        assert!(UserName::new(&"é".repeat(129)).is_err());
        assert!(UserName::new("").is_ok());
        assert!(UserName::new("a\u{7}b").is_err());
    }

    #[test]
    fn json_that_is_no_identifier_is_refused() {
        assert!(serde_json::from_str::<UserId>("\"ada\"").is_ok());
        assert!(serde_json::from_str::<UserId>("\"a+b\"").is_err());
    }
}
