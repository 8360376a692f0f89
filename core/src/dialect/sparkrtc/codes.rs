//! What the protocol's codes are called by SparkRTC: one total function, and the errors made from it.
//!
//! SparkRTC has two tables. What its SDK finds has a number of the first (3.5.9) and a printed message; what its service refuses has one of the second (3.5.10), which prints
//! no messages, so those say what the table says of the code. An error object carries the bare number for both; the event `Error` carries the text, `RTC.34000001` (R-251, C-24).

use alloc::string::{String, ToString};

use serde_json::{Value, json};

use crate::{
    code::{
        Code, Kind,
        sparkrtc::{client, leave_reason, server},
        vendor::{self, Domain, VendorCode},
    },
    dialect::VendorError,
    wire::LeaveReason,
};

/// SparkRTC's code for one of ours.
///
/// Where SparkRTC has no code of that meaning, the nearest that asks for the same cure is taken: what may be tried again is `RTC.31000005` where the user went too fast, and
/// `RTC.32000034` where the service has too much to do.
pub const fn of(code: Code) -> VendorCode<'static> {
    match code {
        Code::OK => client::SUCCESS,
        Code::BAD_REQUEST => server::PARAMETER_INVALID,
        Code::UNKNOWN_MESSAGE => server::OPERATION_UNSUPPORTED,
        Code::TOO_MANY_REQUESTS => server::TRY_LATER,
        Code::TOO_FAST | Code::TOO_MANY_TAKEOVERS | Code::TOO_MANY_FAILURES => server::RETRY,
        Code::ROOM_FULL => server::ROOM_FULL,
        Code::NO_SUCH_STREAM => server::VIEWED_USER_MISSING,
        Code::NO_SUCH_USER => server::USER_MISSING,
        Code::NO_SUCH_ROOM => server::ROOM_MISSING,
        Code::OWN_STREAM | Code::ROOM_NAME_REFUSED => client::INVALID_PARAMETER,
        Code::ALREADY_IN_ROOM | Code::ALREADY_PUBLISHED | Code::NOT_SUBSCRIBED | Code::USER_PRESENT => client::INVALID_OPERATION,
        Code::OUT_OF_STREAMS => server::STREAM_NUMBERS_USED_UP,
        Code::TOO_MANY_SUBSCRIPTIONS | Code::NO_SERVER | Code::TOO_MANY_ROOMS => server::SFU_RESOURCES_SHORT,
        Code::SHARED_ALREADY => server::SHARE_EXISTS,
        Code::ROOM_PAUSED => client::ROOM_STREAM_STATUS_PAUSED,
        Code::TOO_MANY_RELAYS => client::CLIENT_RELAY_ROOM_OVER_MAXNUM,
        Code::RELAYED_ALREADY => server::RELAYED_TWICE,
        Code::JOINER_ELSEWHERE => client::CLIENT_RELAY_JOINER_OVER_MAXNUM,
        Code::ROLE_FORBIDS | Code::ROLE_REFUSED => client::ROLE_NO_PERMISSION,
        Code::NOT_IN_ROOM | Code::DISSOLVED | Code::REPLACED | Code::REMOVED => client::STATUS_ERROR,
        Code::SESSION_GONE => server::SESSION_CHECK_FAILED,
        // The service's own words would be RTC.31000004; the SDK reports what the application can act on.
        Code::KEY_INVALID | Code::UNKNOWN_APP => client::SIGNATURE_INVALID,
        Code::KEY_EXPIRED => client::SIGNATURE_EXPIRED,
        Code::CONNECT_TIMEOUT => client::WEBSOCKET_CONNECT_TIMEOUT,
        Code::RECONNECT_TIMEOUT => client::WEBSOCKET_RECONNECT_TIMEOUT,
        Code::RESPONSE_TIMEOUT => client::WAIT_RSP_TIMEOUT,
        Code::NOT_CONNECTED => client::WEBSOCKET_NOT_CONNECTED,
        Code::CUT_SHORT => client::WEB_SOCKET_INTERRUPTED,
        Code::HEARTBEAT_LOST | Code::CLOSED_BY_PEER | Code::TOO_SLOW | Code::OPEN_REFUSED => client::WEB_SOCKET_CONNECT_ERROR,
        Code::LOOKUP_TIMEOUT | Code::LOOKUP_REFUSED | Code::NO_CONFIGURATION => client::WAIT_CONFIG_FAIL,
        Code::NO_ADDRESS => client::REGION_NOT_COVERED,
        Code::MEDIA_FAILED => client::MEDIA_NETWORK_ERROR,
        Code::MEDIA_ANSWER_BAD => client::ANSWER_SDP_INVALID,
        Code::INTERNAL => client::RTC_CONTROL_ERROR,
        _ => match code.kind() {
            Kind::Request => server::PARAMETER_INVALID,
            Kind::Room => server::TRY_LATER,
            Kind::Authorization => server::SESSION_CHECK_FAILED,
            Kind::Network => client::WEB_SOCKET_CONNECT_ERROR,
            Kind::Success | Kind::Internal | Kind::Unknown => client::RTC_CONTROL_ERROR,
        },
    }
}

/// The code for a `publish` that the server refused: what the table above can only call a server's fault or a bad request is a refused publish here.
pub(super) const fn of_publish(code: Code) -> VendorCode<'static> {
    match code {
        Code::INTERNAL | Code::BAD_REQUEST | Code::UNKNOWN_MESSAGE => client::PUBLISH_RESPONSE_FAIL,
        _ => of(code),
    }
}

/// The error object of that code: `{code: number, msg}`.
pub(super) fn error(code: VendorCode<'static>) -> VendorError {
    let number = match code.value {
        vendor::Value::Number(number) => Value::from(number),
        vendor::Value::Text(text) => Value::from(text),
    };
    VendorError { code: number, msg: message(code).to_string() }
}

/// The printed message, or what the table says of the code where none is printed.
pub(super) fn message(code: VendorCode<'static>) -> &'static str {
    code.entry().map_or("", |entry| entry.message.unwrap_or(entry.meaning))
}

/// The payload of the event `Error`, and of `signature-expired`: `{errorCode: text, errorMsg}`.
pub(super) fn error_info(code: VendorCode<'static>) -> Value {
    json!({ "errorCode": code.to_string(), "errorMsg": message(code) })
}

/// Whether the service refused, so that the event `Error` tells of it too.
pub(super) fn is_of_the_service(code: VendorCode<'static>) -> bool {
    code.domain == Domain::Server
}

/// Why somebody left, as `peer-leave` tells. None where nobody is to hear of it.
pub(super) fn leave_reason(reason: LeaveReason) -> Option<Value> {
    let code = Domain::LeaveReason.number(reason.0.into());
    // What a newer server says is told as an internal fault: the vendor's numbers end at 10.
    let entry = code.entry().or_else(|| leave_reason::INTERNAL_FAULT.entry())?;
    let vendor::Value::Number(number) = entry.code.value else { return None };
    (!entry.internal_only).then(|| json!({ "code": number, "msg": entry.meaning }))
}

/// Why a user was banned, in words: `client-banned` prints a text and no list of them.
pub(super) fn ban_reason(code: Code) -> String {
    let meaning = match code {
        Code::REPLACED => "the same userId joined the room from another client",
        _ => "removed from the room by the server",
    };
    meaning.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R-016 R-244 R-250
    #[test]
    fn every_code_has_a_row_of_the_vendor_s_tables_and_only_success_is_zero() {
        for code in Code::ALL.iter().copied().chain([Code(1999), Code(2999), Code(3999), Code(4999), Code(5999), Code(9999)]) {
            let vendor = of(code);
            assert!(matches!(vendor.domain, Domain::Client | Domain::Server), "{code} is {vendor}");
            assert!(vendor.entry().is_some(), "{code} is {vendor}, which no table has");
            assert!(!message(vendor).is_empty());
            assert_eq!(vendor == client::SUCCESS, code == Code::OK, "{code}");
        }
    }

    // R-070 R-102 R-200 R-201 R-202
    #[test]
    fn what_the_requirements_print_is_what_is_told() {
        let printed = [
            (Code::ROOM_FULL, 34_000_001),
            (Code::NO_SUCH_ROOM, 34_000_002),
            (Code::NO_SUCH_USER, 34_000_006),
            (Code::SHARED_ALREADY, 34_000_007),
            (Code::NO_SUCH_STREAM, 32_000_010),
            (Code::OUT_OF_STREAMS, 32_000_001),
            (Code::RELAYED_ALREADY, 32_000_033),
            (Code::TOO_MANY_RELAYS, 90_100_027),
            (Code::JOINER_ELSEWHERE, 90_100_028),
            (Code::ROOM_PAUSED, 90_100_029),
        ];
        for (code, number) in printed {
            assert_eq!(error(of(code)).code, json!(number), "{code}");
        }
    }

    // R-244 R-251
    #[test]
    fn an_error_object_has_a_number_and_an_event_a_text() {
        let full = of(Code::ROOM_FULL);
        assert_eq!(error(full), VendorError { code: json!(34_000_001), msg: "room full".into() });
        assert_eq!(error_info(full), json!({ "errorCode": "RTC.34000001", "errorMsg": "room full" }));
        assert_eq!(error_info(of(Code::KEY_EXPIRED)), json!({ "errorCode": "90100030", "errorMsg": "signature expired" }));
        assert!(is_of_the_service(full) && !is_of_the_service(of(Code::KEY_EXPIRED)));
    }

    // R-068 R-069
    #[test]
    fn a_probe_s_end_is_told_to_nobody() {
        assert_eq!(leave_reason(LeaveReason::PROBE), None);
        for number in (0..=10).filter(|number| *number != 8) {
            assert_eq!(leave_reason(LeaveReason(number)).expect("it is told")["code"], number);
        }
        assert_eq!(leave_reason(LeaveReason(200)).expect("it is told")["code"], 4);
    }
}
