//! Credentials: whether a user may enter a room under the name it gives, answered from the credential alone. A part: it queues nothing and keeps nothing.
//!
//! # Theory
//!
//! An application's own server shares a [`Secret`] with the room server. For a user who may enter, it makes a *credential*: a message authentication code over what the user may
//! enter as, and until when. The room server computes the code again. It needs no account, no list of tokens and no call to the application, so this check is a function.
//!
//! There are two families, and an app uses one of them:
//!
//! | | [`signature`] (SparkRTC) | [`channel_key`] (Agora) |
//! |---|---|---|
//! | code | HMAC-SHA-256 | HMAC-SHA-1 |
//! | what is signed | app, room, user, expiry | service, app, issue time, random number, channel, user number, end of service |
//! | good to enter | until it expires, less than 12 h ahead | for 5 minutes from its issue |
//! | ends the stay | at the expiry, after a grace | at the end of service, at once; or never |
//!
//! **What is not signed: the role.** A player's credential is as good for a joiner, so that whoever lets roles be chosen freely lets every holder speak. Rooms that
//! tell roles apart need a rule of their own beside the credential.
//!
//! **A credential is a bearer's.** It can be shown again by whoever has it, as often as it likes while it is good: entering twice is legal (a page reloads), so seeing it twice
//! proves nothing. What bounds a stolen one is what it is made for (one room, one user) and until when; that the same user has one seat is the room's rule. Hence it
//! travels over encrypted connections only, and no `Debug` here shows one (R-257).
//!
//! **Order of checks.** First the form, then the code, then the dates, so that a forger learns nothing from the answers, dates included. Codes are compared in constant time. An app
//! that does not exist costs as much time as one that does ([`check_unknown_app`]).
//!
//! # Example
//!
//! ```
//! use greenroom_core::{auth::{Authority, Claim, Credential, Purpose, Refusal, Secret, signature}, id::AppId, time::UnixSeconds};
//!
//! let (app, key, now) = (AppId::new("5f8d0c3a")?, Secret::new(b"an app key"), UnixSeconds(1_700_000_000));
//! // The application's server: good for two hours.
//! let signed = signature::sign(&key, app.as_str(), "stage", "ada", "1700007200");
//! let credential = Credential::Signature { signature: signed.into(), ctime: "1700007200".into() };
//! // The room server.
//! let authority = Authority::Signature { key };
//! let ada = Claim { app: &app, room: "stage", user: "ada" };
//! assert_eq!(authority.check(ada, Some(&credential), Purpose::Join, now)?.until, Some(UnixSeconds(1_700_007_200)));
//! let bob = Claim { user: "bob", ..ada };
//! assert_eq!(authority.check(bob, Some(&credential), Purpose::Join, now), Err(Refusal::Invalid));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod channel_key;
mod mac;
mod secret;
pub mod signature;

use alloc::sync::Arc;
use core::{fmt, hint::black_box};

use serde::{Deserialize, Deserializer, Serialize};

pub use self::{channel_key::ChannelKey, secret::Secret};
use crate::{id::AppId, limits, time::UnixSeconds};

/// How the credentials of one app are checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Authority {
    /// Not at all: the app id suffices (R-048). Whatever is shown is not looked at. For trying things out, because app ids are no secret.
    Open,
    /// By [`signature`], with the app key.
    Signature {
        /// The app key, as text.
        key: Secret,
    },
    /// By [`channel_key`], with the App Certificate.
    ChannelKey {
        /// The App Certificate, as text.
        certificate: Secret,
    },
}

/// What a user shows to be let in. Opaque until it is checked, and never shown by `Debug`.
///
/// As JSON, `{"signature":{"signature":"…","ctime":"…"}}` or `{"channel_key":{"key":"…"}}`; texts longer than a credential can be are refused on reading, before they are kept
/// (R-037). `==` is there for comparing states; it does not run in constant time, so nothing may be admitted by it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", remote = "Self")]
pub enum Credential {
    /// SparkRTC's signature.
    Signature {
        /// 64 lower-case hexadecimal digits.
        #[serde(serialize_with = "write_text", deserialize_with = "read_text::<_, { limits::SIGNATURE_BYTES }>")]
        signature: Arc<str>,
        /// When it expires: Unix seconds in decimal. It is signed as text, so it is kept as text.
        #[serde(serialize_with = "write_text", deserialize_with = "read_text::<_, { limits::CTIME_BYTES }>")]
        ctime: Arc<str>,
    },
    /// Agora's channel key.
    ChannelKey {
        /// The key, 103 characters.
        #[serde(serialize_with = "write_text", deserialize_with = "read_text::<_, { limits::CHANNEL_KEY_BYTES }>")]
        key: Arc<str>,
    },
}

/// What the credential must have been made for: an app, a room and a user in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim<'a> {
    /// The app.
    pub app: &'a AppId,
    /// The room, which a channel key calls channel.
    pub room: &'a str,
    /// The user. For a channel key, its number in decimal.
    pub user: &'a str,
}

/// What a credential is shown for. Only channel keys make a difference between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// To enter. A channel key must be fresh, that is, within [`limits::CHANNEL_KEY_WINDOW`] of its issue (R-051). Entering again once the place in the room is lost is no different.
    Join,
    /// To come back to a place that the room has kept since the connection was lost. The member never left, and the end of the join window does not end a stay, so a
    /// channel key need not be fresh: an app would have to fetch a key before each reconnection. It must still be within [`limits::CHANNEL_KEY_LIFE`] and the service's end.
    Rejoin,
    /// To prolong a stay. A channel key must be fresh: it is made on demand, when the server has asked for one, and an old one that was overheard shall not prolong anything.
    Renew,
    /// To take another role. A channel key must be fresh: taking the stage is entering it, and the role is not signed.
    SwitchRole,
}

/// What a good credential gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// The last second at which it is good; `None` means that it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixSeconds>,
}

/// Why a credential is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// None was shown, and the app asks for one.
    #[error("no credential was shown; this app asks for one")]
    Missing,
    /// It is not of the form that this app's credentials have, or what it is shown for has a form that cannot be signed (R-036, R-037, R-038).
    #[error("the credential, or what it is shown for, does not have the form that this app's credentials have")]
    Malformed,
    /// It was good once (R-039, R-051, R-052).
    #[error("the credential has expired; get a new one")]
    Expired,
    /// It would be good for longer than credentials may be (R-040).
    #[error("the credential expires too far ahead: the expiry must be less than 12 h away by the server's clock")]
    TooLong,
    /// It was not made for this with the app's key (R-041, R-053, R-054).
    #[error("the credential was not made for this app, room and user with the app's key")]
    Invalid,
    /// Nobody knows the app, or the key names another (R-048).
    #[error("the app is not known, or the credential was made for another")]
    UnknownApp,
    /// It would end the stay sooner than the one that it is to renew.
    #[error("the credential ends before the one that it is to renew")]
    Earlier,
}

impl Authority {
    /// Checks what is shown for `claim`. The answer depends on the arguments alone: checking twice is accepted twice.
    pub fn check(&self, claim: Claim<'_>, credential: Option<&Credential>, purpose: Purpose, now: UnixSeconds) -> Result<Grant, Refusal> {
        match (self, credential) {
            (Self::Open, _) => Ok(Grant { until: None }),
            (Self::Signature { .. } | Self::ChannelKey { .. }, None) => Err(Refusal::Missing),
            (Self::Signature { key }, Some(Credential::Signature { signature, ctime })) => {
                signature::verify(key, claim, signature, ctime, now)
            }
            (Self::ChannelKey { certificate }, Some(Credential::ChannelKey { key })) => {
                channel_key::check(certificate, claim, key, purpose, now)
            }
            (Self::Signature { .. }, Some(shown @ Credential::ChannelKey { .. }))
            | (Self::ChannelKey { .. }, Some(shown @ Credential::Signature { .. })) => {
                // An answer that came sooner than any other would tell that the app exists and uses the other family.
                check_in_vain(claim, shown, purpose, now);
                Err(Refusal::Malformed)
            }
        }
    }
}

/// The check for an app that nobody knows: does the same work as for one that exists, and refuses, so that time does not tell which apps exist.
/// Measured, it takes 20 ns longer than a check of 600 ns or less, which is the making of a key.
///
/// The answer itself tells, where it is passed on. Agora's code table wants that (101); where app ids are to stay hidden, answer what [`Refusal::Invalid`] is answered with.
pub fn check_unknown_app(claim: Claim<'_>, credential: Option<&Credential>, purpose: Purpose, now: UnixSeconds) -> Refusal {
    if let Some(shown) = credential {
        check_in_vain(claim, shown, purpose, now);
    }
    Refusal::UnknownApp
}

/// Spends the time that a check takes, with a key that nobody has issued anything with.
fn check_in_vain(claim: Claim<'_>, shown: &Credential, purpose: Purpose, now: UnixSeconds) {
    let nobodys = Secret::new(&[0; 32]); // as long as the keys of both vendors
    let answer = match shown {
        Credential::Signature { signature, ctime } => signature::verify(&nobodys, claim, signature, ctime, now),
        Credential::ChannelKey { key } => channel_key::check(&nobodys, claim, key, purpose, now),
    };
    // The compiler may not conclude that nobody looks at the answer and leave out the work.
    let _ = black_box(answer);
}

impl Grant {
    /// The grant to go on with after a renewal brought `new`: that one, unless it ends sooner.
    ///
    /// A renewal never shortens a stay, then: renewals that overtake each other, or an old one that somebody shows again, change nothing. The reference is silent here. Whoever
    /// wants a user out before time removes the user.
    pub fn renewed_by(self, new: Self) -> Result<Self, Refusal> {
        // No end comes after every end, and `None` is the least of an `Option`.
        let end = |grant: Self| (grant.until.is_none(), grant.until);
        if end(new) < end(self) { Err(Refusal::Earlier) } else { Ok(new) }
    }

    /// Whether the grant is over at `now`.
    pub fn is_over(self, now: UnixSeconds) -> bool {
        self.until.is_some_and(|until| now > until)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature { .. } => "Signature(..)",
            Self::ChannelKey { .. } => "ChannelKey(..)",
        })
    }
}

// `remote = "Self"` makes the derived code an inherent function, so that its errors can be replaced.
impl Serialize for Credential {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// What cannot be read is not quoted: a credential in the wrong place is a credential still, and errors end in logs (R-257).
impl<'de> Deserialize<'de> for Credential {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer).map_err(|_| {
            serde::de::Error::custom(format_args!(
                "not a credential: expected {{\"signature\":{{\"signature\":…,\"ctime\":…}}}}, texts of at most {} and at most {} bytes, or {{\"channel_key\":{{\"key\":…}}}}, a text of at most {} bytes",
                limits::SIGNATURE_BYTES, limits::CTIME_BYTES, limits::CHANNEL_KEY_BYTES,
            ))
        })
    }
}

fn write_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Reads a text of at most `MAX` bytes and allocates for no longer one.
fn read_text<'de, D: Deserializer<'de>, const MAX: usize>(deserializer: D) -> Result<Arc<str>, D::Error> {
    struct Text<const MAX: usize>;

    impl<const MAX: usize> serde::de::Visitor<'_> for Text<MAX> {
        type Value = Arc<str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a text of at most {MAX} bytes")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Arc<str>, E> {
            if text.len() > MAX { Err(E::invalid_length(text.len(), &self)) } else { Ok(text.into()) }
        }
    }

    deserializer.deserialize_str(Text::<MAX>)
}
