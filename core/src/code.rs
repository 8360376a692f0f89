//! The codes that peers and applications act on: one open table of numbers.
//!
//! A code is a number first. Numbers we do not know travel through unharmed, and [`Code::kind`] still says what sort of trouble they are, because the thousands digit
//! does. A released number keeps its meaning for ever.
//!
//! Beside it stand the tables of two vendors, [`sparkrtc`] and [`agora`], for those who speak with their systems or come from them; [`vendor`] is what they have in common.

pub mod agora;
pub mod sparkrtc;
pub mod vendor;

use core::fmt;

use serde::{Deserialize, Serialize};

/// What happened, as a number that peers and applications act on. Known ones are the constants; any other is as valid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(pub u16);

/// What sort of trouble a code means, from its thousands digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 0: nothing is wrong.
    Success,
    /// 1000–1999: the request cannot be right, here or anywhere.
    Request,
    /// 2000–2999: the room does not allow it as things stand.
    Room,
    /// 3000–3999: the peer may not.
    Authorization,
    /// 4000–4999: the network or the media path failed.
    Network,
    /// 5000–5999: the server or the software is at fault.
    Internal,
    /// Any other thousand: a newer peer knows.
    Unknown,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same request fails the same way.
    Never,
    /// The same request may succeed later.
    Later,
    /// A new connection is needed first.
    Reconnect,
}

impl Kind {
    /// The word for it in files, commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Request => "request",
            Self::Room => "room",
            Self::Authorization => "authorization",
            Self::Network => "network",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

impl Retry {
    /// The word for it in files, commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Later => "later",
            Self::Reconnect => "reconnect",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $retry:ident, $text:literal;)+) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($number);)+

            /// Every code this version knows, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The constant's name, for a code that this version knows.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some(stringify!($name)),)+ _ => None }
            }

            /// What to tell a person, for a code that this version knows.
            pub const fn text(self) -> Option<&'static str> {
                match self.0 { $($number => Some($text),)+ _ => None }
            }

            /// Whether trying again can help. For an unknown code its kind decides.
            pub const fn retry(self) -> Retry {
                match self.0 {
                    $($number => Retry::$retry,)+
                    _ => match self.kind() {
                        Kind::Network => Retry::Reconnect,
                        Kind::Internal => Retry::Later,
                        Kind::Success | Kind::Request | Kind::Room | Kind::Authorization | Kind::Unknown => Retry::Never,
                    },
                }
            }
        }
    };
}

codes! {
    /// It worked.
    OK = 0, Never, "it worked";
    /// A field is missing, of the wrong type, or out of its range.
    BAD_REQUEST = 1001, Never, "the request is not valid";
    /// The message is of a kind this version does not know.
    UNKNOWN_MESSAGE = 1002, Never, "this version does not know the message";
    /// The request came before a join or after a leave.
    NOT_IN_ROOM = 1003, Never, "not in the room";
    /// The session is in the room already.
    ALREADY_IN_ROOM = 1004, Never, "already in the room";
    /// The session has as many open requests as it may.
    TOO_MANY_REQUESTS = 1005, Later, "too many requests are open";
    /// The session asks faster than it may.
    TOO_FAST = 1006, Later, "too many requests in too short a time";
    /// The room has as many members as it may.
    ROOM_FULL = 2001, Later, "the room is full";
    /// There is no such stream in the room.
    NO_SUCH_STREAM = 2002, Never, "there is no such stream";
    /// The member publishes a stream of this kind already.
    ALREADY_PUBLISHED = 2003, Never, "the stream is published already";
    /// The member is not subscribed to the stream.
    NOT_SUBSCRIBED = 2004, Never, "not subscribed to the stream";
    /// A member cannot subscribe to its own stream.
    OWN_STREAM = 2005, Never, "a member cannot subscribe to its own stream";
    /// The member subscribes to as many streams as it may.
    TOO_MANY_SUBSCRIPTIONS = 2006, Never, "too many subscriptions";
    /// The room's numbers for streams are used up.
    OUT_OF_STREAMS = 2007, Never, "the room's stream numbers are used up";
    /// Somebody in the room shares already, and the room has place for one share.
    SHARED_ALREADY = 2008, Later, "somebody shares already";
    /// The room's media is paused.
    ROOM_PAUSED = 2009, Later, "the room is paused";
    /// The user is in as many rooms as it may be at a time.
    TOO_MANY_RELAYS = 2010, Never, "in too many rooms at a time";
    /// The user relays into that room already.
    RELAYED_ALREADY = 2011, Never, "in that room already";
    /// The user is a joiner in another room, and may be one in one room only.
    JOINER_ELSEWHERE = 2012, Never, "a joiner in another room already";
    /// There is no such room.
    NO_SUCH_ROOM = 2013, Never, "there is no such room";
    /// There is no such user in the room.
    NO_SUCH_USER = 2014, Never, "there is no such user in the room";
    /// The user was taken over too often in too short a time.
    TOO_MANY_TAKEOVERS = 2015, Later, "sessions of this user displace each other too often";
    /// The room's name is not one that this app uses.
    ROOM_NAME_REFUSED = 2016, Never, "the room's name is refused";
    /// The room was dissolved.
    DISSOLVED = 2017, Never, "the room was dissolved";
    /// The user is in the room already, and a newcomer does not displace it here.
    USER_PRESENT = 2018, Later, "the user is in the room already";
    /// The server has as many rooms as it may.
    TOO_MANY_ROOMS = 2019, Later, "the server has no place for another room";
    /// The member's role does not allow it.
    ROLE_FORBIDS = 3001, Never, "the role does not allow it";
    /// The same user joined from another session, which takes this one's place.
    REPLACED = 3002, Never, "the user joined from another session";
    /// The session to be resumed is gone; a new join is needed.
    SESSION_GONE = 3003, Never, "the session is gone";
    /// The server removed the user.
    REMOVED = 3004, Never, "removed from the room";
    /// The key is not one that this app's authority made for this user and room.
    KEY_INVALID = 3005, Never, "the key is not valid";
    /// The key was good once.
    KEY_EXPIRED = 3006, Never, "the key has expired";
    /// No app of that name is known.
    UNKNOWN_APP = 3007, Never, "the app is not known";
    /// The app's policy does not let this user take that role.
    ROLE_REFUSED = 3008, Never, "the app does not allow that role";
    /// Too many attempts with keys that were not good.
    TOO_MANY_FAILURES = 3009, Later, "too many failed attempts";
    /// The connection could not be made in time.
    CONNECT_TIMEOUT = 4001, Reconnect, "connecting took too long";
    /// The connection was lost and did not come back in time.
    RECONNECT_TIMEOUT = 4002, Reconnect, "the connection did not come back in time";
    /// The server did not answer in time.
    RESPONSE_TIMEOUT = 4003, Later, "no answer in time";
    /// There is no connection to send on.
    NOT_CONNECTED = 4004, Later, "not connected";
    /// The request was cut short by a leave or by the loss of the session.
    CUT_SHORT = 4005, Never, "cut short by leaving";
    /// The other side fell silent.
    HEARTBEAT_LOST = 4006, Reconnect, "the other side fell silent";
    /// The other side said goodbye.
    CLOSED_BY_PEER = 4007, Reconnect, "the other side closed the connection";
    /// What was sent was not taken fast enough.
    TOO_SLOW = 4008, Reconnect, "messages were not taken fast enough";
    /// Looking the server up took too long.
    LOOKUP_TIMEOUT = 4009, Reconnect, "looking up the server took too long";
    /// Looking the server up was refused.
    LOOKUP_REFUSED = 4010, Reconnect, "looking up the server was refused";
    /// The lookup named no server with resources to spare.
    NO_SERVER = 4011, Reconnect, "no server has resources for the room";
    /// The server refused the connection.
    OPEN_REFUSED = 4012, Reconnect, "the server refused the connection";
    /// The configuration for connecting could not be fetched.
    NO_CONFIGURATION = 4013, Reconnect, "the configuration could not be fetched";
    /// There is no server for the region.
    NO_ADDRESS = 4014, Never, "there is no server for the region";
    /// The media path could not be set up.
    MEDIA_FAILED = 4015, Later, "the media path could not be set up";
    /// The media negotiation's answer could not be read.
    MEDIA_ANSWER_BAD = 4016, Never, "the media answer cannot be read";
    /// The server is at fault.
    INTERNAL = 5001, Later, "the server is at fault";
}

impl Code {
    /// What sort of trouble the code means. Total: the thousands digit decides.
    pub const fn kind(self) -> Kind {
        match self.0 {
            0 => Kind::Success,
            1000..=1999 => Kind::Request,
            2000..=2999 => Kind::Room,
            3000..=3999 => Kind::Authorization,
            4000..=4999 => Kind::Network,
            5000..=5999 => Kind::Internal,
            1..=999 | 6000.. => Kind::Unknown,
        }
    }
}

/// The number, and the name where there is one: `2001 ROOM_FULL`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_each_has_a_name_a_text_and_a_kind() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for code in Code::ALL {
            assert!(code.name().is_some() && code.text().is_some());
            assert_ne!(code.kind(), Kind::Unknown, "{code}");
        }
    }

    #[test]
    fn a_number_from_a_newer_peer_survives_and_says_its_kind() {
        let code: Code = serde_json::from_str("4999").expect("any u16 is a code");
        assert_eq!((code, code.name(), code.kind(), code.retry()), (Code(4999), None, Kind::Network, Retry::Reconnect));
        assert_eq!(serde_json::to_string(&code).expect("a number"), "4999");
    }
}
