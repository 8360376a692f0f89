//! Our codes in Agora's numbers.
//!
//! The table of Agora keeps eight codes inside its SDK (5, 9, 11 to 15, 20): none of them is ever told. Where one of those would say it best, the application gets
//! [`error::FAILED`], "no better classification". Agora prints a symbol for each code and no message, so the symbol is the message.

use alloc::string::String;

use serde_json::Value;

use crate::{
    code::{
        Code, Kind,
        agora::{error, warning},
        vendor::{self, VendorCode},
    },
    dialect::VendorError,
};

/// The error that an application is told for a code of ours: of a refused call, or of a fault that no call asked for. Never one that is internal.
pub fn error_of(code: Code) -> VendorCode<'static> {
    match code {
        Code::BAD_REQUEST | Code::NO_SUCH_STREAM | Code::NOT_SUBSCRIBED | Code::OWN_STREAM | Code::NO_SUCH_USER => error::INVALID_ARGUMENT,
        Code::UNKNOWN_MESSAGE => error::NOT_SUPPORTED,
        // There is something to wait for: the channel, the link, the room's media.
        Code::NOT_IN_ROOM | Code::NO_SUCH_ROOM | Code::ROOM_PAUSED | Code::NOT_CONNECTED | Code::NO_CONFIGURATION | Code::NO_ADDRESS => {
            error::NOT_READY
        }
        // The join itself is refused.
        Code::ALREADY_IN_ROOM
        | Code::ROOM_FULL
        | Code::TOO_MANY_RELAYS
        | Code::RELAYED_ALREADY
        | Code::JOINER_ELSEWHERE
        | Code::TOO_MANY_TAKEOVERS
        | Code::USER_PRESENT
        | Code::TOO_MANY_ROOMS
        | Code::ROLE_REFUSED
        | Code::LOOKUP_REFUSED
        | Code::NO_SERVER
        | Code::OPEN_REFUSED => error::JOIN_CHANNEL_REJECTED,
        // Something there is one of is taken: a user's one stream, the room's one share, the uid.
        Code::ALREADY_PUBLISHED | Code::SHARED_ALREADY | Code::REPLACED => error::ALREADY_IN_USE,
        Code::UNKNOWN_APP => error::INVALID_APP_ID,
        Code::ROOM_NAME_REFUSED => error::INVALID_CHANNEL_NAME,
        Code::KEY_EXPIRED => error::CHANNEL_KEY_EXPIRED,
        Code::KEY_INVALID => error::INVALID_CHANNEL_KEY,
        Code::CONNECT_TIMEOUT | Code::RESPONSE_TIMEOUT | Code::LOOKUP_TIMEOUT => error::TIMEDOUT,
        Code::HEARTBEAT_LOST | Code::CLOSED_BY_PEER | Code::TOO_SLOW => error::CONNECTION_INTERRUPTED,
        Code::RECONNECT_TIMEOUT => error::CONNECTION_LOST,
        Code::MEDIA_FAILED | Code::MEDIA_ANSWER_BAD => error::START_CALL,
        // Refused, not permitted, cancelled or too often, which Agora keeps to itself, or simply broken. So is a server that refuses and says that nothing is wrong: 0
        // stands for success alone.
        Code::OK
        | Code::TOO_MANY_REQUESTS
        | Code::TOO_FAST
        | Code::TOO_MANY_FAILURES
        | Code::TOO_MANY_SUBSCRIPTIONS
        | Code::OUT_OF_STREAMS
        | Code::DISSOLVED
        | Code::ROLE_FORBIDS
        | Code::SESSION_GONE
        | Code::REMOVED
        | Code::CUT_SHORT
        | Code::INTERNAL => error::FAILED,
        // A newer server's: its kind says what to do about it.
        newer => match newer.kind() {
            Kind::Request => error::INVALID_ARGUMENT,
            Kind::Network => error::NOT_READY,
            Kind::Success | Kind::Room | Kind::Authorization | Kind::Internal | Kind::Unknown => error::FAILED,
        },
    }
}

/// The warning that goes with an attempt to join that failed and is made again.
pub fn warning_of(code: Code) -> VendorCode<'static> {
    match code {
        Code::NO_SERVER => warning::NO_AVAILABLE_CHANNEL,
        Code::LOOKUP_TIMEOUT => warning::LOOKUP_CHANNEL_TIMEOUT,
        Code::LOOKUP_REFUSED | Code::NO_CONFIGURATION | Code::NO_ADDRESS => warning::LOOKUP_CHANNEL_REJECTED,
        // The channel is open when the server has answered; too late is too late, whichever step it was.
        Code::CONNECT_TIMEOUT | Code::RESPONSE_TIMEOUT | Code::HEARTBEAT_LOST => warning::OPEN_CHANNEL_TIMEOUT,
        // All others are some way of the server's to say no.
        _ => warning::OPEN_CHANNEL_REJECTED,
    }
}

/// A code as Agora's callbacks hand it over: a number, or a text where the table has texts.
pub(super) fn value_of(code: VendorCode<'_>) -> Value {
    match code.value {
        vendor::Value::Number(number) => number.into(),
        vendor::Value::Text(text) => text.into(),
    }
}

/// An error as a call returns it.
pub(super) fn error(code: VendorCode<'_>) -> VendorError {
    let symbol = code.entry().and_then(|entry| entry.symbol).unwrap_or("");
    VendorError { code: value_of(code), msg: String::from(symbol) }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Every number there is: what this version knows and what a newer one may say.
    fn all() -> impl Iterator<Item = Code> {
        (0..=u16::MAX).map(Code)
    }

    //
    #[test]
    fn no_code_becomes_one_that_agora_keeps_to_itself() {
        for code in all() {
            let told = error_of(code).entry().expect("it is in the table");
            assert!(!told.internal_only, "{code} would be told as {}", told.code);
            assert_eq!(told.code.domain, vendor::Domain::Error);
        }
    }

    //
    #[test]
    fn no_failure_is_told_with_the_number_of_success() {
        assert!(all().all(|code| error_of(code) != error::OK));
        assert_eq!(error_of(Code::INTERNAL), error::FAILED);
    }

    //
    #[test]
    fn warnings_are_the_five_of_joining() {
        let mut told: Vec<Value> = Code::ALL.iter().map(|code| value_of(warning_of(*code))).collect();
        told.sort_by_key(Value::as_u64);
        told.dedup();
        assert_eq!(told, [103, 104, 105, 106, 107]);
        assert!(Code::ALL.iter().all(|code| warning_of(*code).domain.level() == vendor::Level::Warning));
    }

    // R-242 R-253
    #[test]
    fn twenty_and_nineteen_stay_apart() {
        assert_eq!((error(error::ALREADY_IN_USE).code, error(error::ABORTED).code), (Value::from(19), Value::from(20)));
        assert_eq!(error(error::ALREADY_IN_USE).msg, error(error::ABORTED).msg, "one symbol is printed for both");
        assert_ne!(error::ABORTED, warning::PENDING, "a warning has the number of an error, and is none");
        assert_eq!(error(error::BUFFER_TOO_SMALL).code, 6);
        assert_eq!(error_of(Code::ALREADY_PUBLISHED), error::ALREADY_IN_USE);
    }

    // R-003 R-243
    #[test]
    fn too_often_is_not_told_as_being_in_already() {
        for code in [Code::TOO_FAST, Code::TOO_MANY_FAILURES, Code::TOO_MANY_REQUESTS] {
            assert_eq!(error_of(code), error::FAILED, "{code}");
        }
    }

    #[test]
    fn a_code_of_a_newer_server_is_told_by_its_kind() {
        assert_eq!(error_of(Code(1999)), error::INVALID_ARGUMENT);
        assert_eq!(error_of(Code(3999)), error::FAILED);
        assert_eq!(error_of(Code(4999)), error::NOT_READY);
    }
}
