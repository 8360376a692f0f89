//! The codes of SparkRTC, as its Web SDK reference prints them.
//!
//! Each module below is one printed table and holds a constant for each row; numbers, symbols and messages are the printed ones, to the digit, misspellings included
//! (`docs/tables/errors.csv`, which a test compares). The client's symbols are its constants with `RTC_ERR_CODE_` before them. The other tables print no symbols: their
//! constants have names of our own, with the group of digits behind where one description stands in several groups.

use super::vendor::table;

table! {
    /// The SDK's own codes (3.5.9, table 3-13). 90000002, 90000003 and 90100025 are not defined.
    client: Client, Number, "RTC_ERR_CODE_";
    SUCCESS = 0, Ok, Never, "success", says "success";
    RTC_SDK_ERROR = 90_000_001, Internal, Backoff, "fault inside the SDK", says "sdk internal error";
    WAIT_RSP_TIMEOUT = 90_000_004, DeadlineExceeded, Backoff, "no answer to a signalling request in time", says "message response timeout";
    INVALID_PARAMETER = 90_000_005, InvalidArgument, AfterFix, "bad parameter", says "invalid parameter";
    INVALID_OPERATION = 90_100_001, FailedPrecondition, AfterFix, "operation not legal in the current user state", says "illegal operation";
    NOT_SUPPORT_MEDIA_DEVICES = 90_100_002, Unimplemented, Never, "runtime cannot enumerate devices", says "not support enumerate devices";
    NO_AVAILABLE_DEVICES = 90_100_003, Device, AfterFix, "no usable device at all", says "no available devices";
    NO_AVAILABLE_VIDEO_INPUT_DEVICES = 90_100_004, Device, AfterFix, "no usable camera", says "no available video input devices";
    NO_AVAILABLE_AUDIO_INPUT_DEVICES = 90_100_005, Device, AfterFix, "no audio input", says "no available audio input devices";
    NO_AVAILABLE_AUDIO_OUTPUT_DEVICES = 90_100_006, Device, AfterFix, "no audio output", says "no available audio output devices";
    STATUS_ERROR = 90_100_007, FailedPrecondition, AfterFix, "room state is wrong, e.g. not joined", says "room status error";
    WEBSOCKET_NOT_CONNECTED = 90_100_008, FailedPrecondition, Reconnect, "signalling link is not in CONNECTED", says "websocket connection state is not \"CONNECTED\"";
    WAIT_CONFIG_FAIL = 90_100_009, Unavailable, Backoff, "server configuration could not be obtained", says "wait server config fail";
    PUBLISH_RESPONSE_FAIL = 90_100_010, Unavailable, Backoff, "server did not accept the publish", says "publish response fail";
    REGION_NOT_COVERED = 90_100_011, Unavailable, Backoff, "no service address for the region", says "current region is not covered, service unavailable";
    WEBSOCKET_CONNECT_TIMEOUT = 90_100_012, DeadlineExceeded, Backoff, "first signalling connect timed out", says "websocket connect timeout";
    WEBSOCKET_RECONNECT_TIMEOUT = 90_100_013, DeadlineExceeded, Reconnect, "signalling reconnect timed out", says "websocket reconnect timeout";
    WEBSOCKET_NOT_OPEN = 90_100_014, FailedPrecondition, Reconnect, "signalling link is not open", says "websocket is not open";
    WEB_SOCKET_INTERRUPTED = 90_100_015, Cancelled, Never, "signalling link was forced shut (leave or reconnect) and cut the operation short", says "websocket connection state is idle, interrupt operation", also "RTC_ERR_CODE_WEBSOCKET_INTERRUPTED";
    WEB_SOCKET_CONNECT_ERROR = 90_100_016, Unavailable, Backoff, "signalling socket error / closed by the server", says "websocket connect error", also "RTC_ERR_CODE_WEBSOCKET_CONNECT_ERROR";
    CAPTURE_PERMISSION_DENIED = 90_100_017, Device, AfterFix, "capture refused: no permission", says "capture failed, permission denied";
    CAPTURE_OVER_CONSTRAINED = 90_100_018, InvalidArgument, AfterFix, "capture refused: device cannot meet constraints", says "capture failed, Constraint parameter invalid";
    CAPTURE_DEVICE_NOT_FOUND = 90_100_019, Device, AfterFix, "capture refused: device missing", says "capture failed, requested device not found";
    CAPTURE_DEVICE_NOT_READABLE = 90_100_020, Device, AfterFix, "capture refused: device busy elsewhere", says "capture failed, maybe device is occupied by other application";
    PLAY_NOT_ALLOW = 90_100_021, FailedPrecondition, AfterFix, "autoplay refused until a user gesture", says "the user didn't interact with the document first, please trigger by gesture";
    ROLE_NO_PERMISSION = 90_100_022, PermissionDenied, AfterFix, "current role may not do this", says "the user role have no permission to operate";
    ANSWER_SDP_INVALID = 90_100_023, Internal, Backoff, "bad answer in the media negotiation", says "the answer sdp is invalid";
    MEDIA_UPSTREAM_UNSUPPORTED = 90_100_024, Unimplemented, Never, "runtime cannot capture/send media", says "the upstream media is not supported";
    MEDIA_NETWORK_ERROR = 90_100_026, Unavailable, Backoff, "media path could not be established", says "media connection establish failed, please switch network or try again later";
    CLIENT_RELAY_ROOM_OVER_MAXNUM = 90_100_027, ResourceExhausted, Backoff, "more relay rooms than allowed", says "relay room number over maxium number";
    CLIENT_RELAY_JOINER_OVER_MAXNUM = 90_100_028, AlreadyExists, Never, "a joiner already exists among the relay rooms", says "joiner already exist in relay rooms";
    ROOM_STREAM_STATUS_PAUSED = 90_100_029, FailedPrecondition, AfterFix, "room media is paused", says "room stream status paused";
    SIGNATURE_EXPIRED = 90_100_030, Unauthenticated, Reauth, "signature past its expiry", says "signature expired";
    SIGNATURE_INVALID = 90_100_031, Unauthenticated, Reauth, "signature not valid", says "signature invalid";
    WINDOW_OR_NAVIGATOR_UNSUPPORTED = 90_100_032, Unimplemented, Never, "window/navigator object unusable", says "window or navigator error";
    CHROME_VERSION_UNSUPPORTED = 90_100_033, Unimplemented, Never, "Chrome kernel older than 67", says "the kernel Chrome version is earlier than 67.";
    WEBSOCKET_UNSUPPORTED = 90_100_034, Unimplemented, Never, "WebSocket missing", says "the websocket component is missing";
    WEBRTC_AVC_ENCODE_UNSUPPORTED = 90_100_035, Unimplemented, Never, "no AVC encoder in the peer connection", says "RTCPeerConnection unsupport AVC encoders.";
    WEBRTC_AVC_DECODE_UNSUPPORTED = 90_100_036, Unimplemented, Never, "no AVC decoder in the peer connection", says "RTCPeerConnection unsupport AVC decoders.";
    WEB_RTC_WECHAT_UNSUPPORTED = 90_100_037, Unimplemented, Never, "device model not on the allow-list for the WeChat browser", says "browser not support, the model is not in the trustlist.", also "RTC_ERR_CODE_WEBRTC_WECHAT_UNSUPPORTED";
    RTC_ACS = 90_100_100, Internal, Backoff, "server fault (access service)", says "server internal exception";
    RTC_CONTROL_ERROR = 90_100_200, Internal, Backoff, "server fault (room control service)", says "server internal exception";
    SFU_ERROR = 90_100_600, Internal, Backoff, "server fault (SFU)", says "server internal exception";
}

table! {
    /// The service's codes (3.5.10, table 3-14), printed as `RTC.` and eight digits, with who is at fault.
    server: Server, Number, none;
    INTERNAL_FAULT = 10_000_001, Internal, Backoff, "internal fault", fault Environment;
    NODE_MISSING_31 = 31_000_000, NotFound, AfterFix, "node missing", fault Environment;
    SESSION_CHECK_FAILED = 31_000_001, Unauthenticated, Reauth, "session check failed", fault Environment;
    INTERNAL_EXCEPTION = 31_000_003, Internal, Backoff, "internal exception", fault Environment;
    AUTHENTICATION_FAILED = 31_000_004, Unauthenticated, Reauth, "authentication failed", fault User;
    RETRY = 31_000_005, Unavailable, Backoff, "retry", fault User;
    CLOCKS_DIFFER = 31_000_006, Unauthenticated, Reauth, "clocks must be synchronised", fault User;
    RESOURCE_MISSING = 31_000_007, NotFound, AfterFix, "requested resource missing", fault Environment;
    SERVICE_EXCEPTION_32 = 32_000_000, Internal, Backoff, "service exception", fault Environment;
    STREAM_NUMBERS_USED_UP = 32_000_001, ResourceExhausted, Backoff, "stream numbers used up", fault Environment;
    NO_SFU = 32_000_002, Unavailable, Backoff, "no SFU assigned", fault Environment;
    STREAM_INFO_NOT_SENT = 32_000_004, Internal, Backoff, "could not hand down stream info", fault Environment;
    ADAPTER_NOT_ADDED = 32_000_005, Internal, Backoff, "adding an adapter failed", fault Environment;
    ROUTE_NOT_ADDED = 32_000_006, Internal, Backoff, "adding a route failed", fault Environment;
    USER_INFO_UNREADABLE = 32_000_007, Internal, Backoff, "user info could not be read", fault Environment;
    VIEWED_USER_MISSING = 32_000_010, NotFound, AfterFix, "user chosen for viewing is missing", fault Environment;
    AUDIO_RATE_INVALID = 32_000_011, InvalidArgument, AfterFix, "audio rate parameter not legal", fault Environment;
    USER_LIST_EMPTY = 32_000_012, InvalidArgument, AfterFix, "user list empty", fault Environment;
    PARAMETER_INVALID = 32_000_013, InvalidArgument, AfterFix, "request parameter not legal", fault Environment;
    CALL_EXCEPTION_32_15 = 32_000_015, Internal, Backoff, "internal call exception", fault Environment;
    CALL_EXCEPTION_32_16 = 32_000_016, Internal, Backoff, "internal call exception", fault Environment;
    SITE_MISSING_32 = 32_000_017, NotFound, AfterFix, "site missing", fault Environment;
    ENCRYPTION_ALGORITHM_WRONG = 32_000_018, InvalidArgument, AfterFix, "wrong encryption algorithm", fault Environment;
    MEDIA_KEY_NOT_BASE64 = 32_000_019, InvalidArgument, AfterFix, "client media key is not valid base64", fault Environment;
    MEDIA_KEY_NOT_MADE = 32_000_020, Internal, Backoff, "media key could not be generated", fault Environment;
    ENCRYPTION_INFO_NOT_SENT = 32_000_021, Internal, Backoff, "encryption info could not be handed down", fault Environment;
    SFU_ADDRESS_UNKNOWN = 32_000_022, Unavailable, Backoff, "SFU address lookup failed", fault Environment;
    CALL_EXCEPTION_32_24 = 32_000_024, Internal, Backoff, "internal call exception", fault Environment;
    CALL_EXCEPTION_32_25 = 32_000_025, Internal, Backoff, "internal call exception", fault Environment;
    OPERATION_UNSUPPORTED = 32_000_028, Unimplemented, Never, "operation unsupported", fault Environment;
    SFU_RESOURCES_SHORT = 32_000_030, ResourceExhausted, Backoff, "SFU resources insufficient", fault Environment;
    TOO_MANY_RELAY_ROOMS = 32_000_032, ResourceExhausted, Backoff, "relay-room count over the limit", fault User;
    RELAYED_TWICE = 32_000_033, AlreadyExists, Never, "same room may not be relayed into twice", fault User;
    TRY_LATER = 32_000_034, Unavailable, Backoff, "try again later", fault Environment;
    SERVICE_EXCEPTION_33 = 33_000_000, Internal, Backoff, "service exception", fault Environment;
    NODE_MISSING_33 = 33_000_001, NotFound, AfterFix, "node missing", fault Environment;
    ROOM_FULL = 34_000_001, ResourceExhausted, Backoff, "room full", fault User;
    ROOM_MISSING = 34_000_002, NotFound, AfterFix, "room missing", fault Environment;
    SITE_MISSING_34 = 34_000_003, NotFound, AfterFix, "site missing", fault Environment;
    CALL_EXCEPTION_34 = 34_000_004, Internal, Backoff, "internal call exception", fault Environment;
    USER_MISSING = 34_000_006, NotFound, AfterFix, "user missing", fault User;
    SHARE_EXISTS = 34_000_007, AlreadyExists, Never, "an auxiliary (screen) share already exists", fault User;
}

table! {
    /// Why a user left (3.5.3, table 3-6).
    leave_reason: LeaveReason, Number, none;
    LEFT = 0, Ok, Never, "user left on its own";
    SERVER_EXCEPTION = 1, Internal, Backoff, "server exception";
    SFU_FAULT = 2, Unavailable, Backoff, "SFU fault";
    UNREACHABLE = 3, Unavailable, Backoff, "service unreachable (503)";
    INTERNAL_FAULT = 4, Internal, Backoff, "internal fault";
    KICKED = 5, PermissionDenied, AfterFix, "kicked out of the room";
    SIGNATURE_EXPIRED = 6, Unauthenticated, Reauth, "signature expired";
    RECONNECT_TIMEOUT = 7, DeadlineExceeded, Reconnect, "reconnect timed out";
    NETWORK_PROBE = 8, Ok, Never, "network probe; not shown to UI nor exposed", internal true;
    REMOVED = 9, PermissionDenied, AfterFix, "removed";
    ROOM_DISSOLVED = 10, NotFound, AfterFix, "room dissolved";
}

table! {
    /// How the live stream to an address is doing (3.5.3, live-streaming-updated).
    live_stream_status: LiveStreamStatus, Number, none;
    INITIALISING = 0, Ok, Never, "initialising";
    FLOWING = 1, Ok, Never, "link fine and media flowing";
    NO_MEDIA = 2, Ok, Never, "link fine but no media";
    RETRYING = 3, Unavailable, Backoff, "fault, retrying";
    FAILED = 4, Unavailable, Backoff, "handling failed";
}

table! {
    /// What is wrong with the live stream to an address (3.5.3, live-streaming-updated).
    live_stream_error: LiveStreamError, Number, none;
    NONE = 0, Ok, Never, "none";
    INTERNAL_FAULT = 1, Internal, Backoff, "internal fault";
    ADDRESS_UNRESOLVED = 2, Unavailable, Backoff, "address resolution failed";
    CONNECT_FAILED = 3, Unavailable, Backoff, "connect failed";
    HANDSHAKE_FAILED = 4, Unavailable, Backoff, "RTMP handshake failed";
    MEMORY_FAULT = 5, ResourceExhausted, Backoff, "memory fault";
    PARAMETER_INVALID = 6, InvalidArgument, AfterFix, "bad parameter";
    RETRIES_EXHAUSTED = 7, Unavailable, Backoff, "retries exhausted";
    RESPONSE_TIMEOUT = 8, DeadlineExceeded, Backoff, "response timed out";
}

table! {
    /// Whether a track can be received (3.5.3, mute and unmute events). Begins at 1.
    media_status_action: MediaStatusAction, Number, none;
    AVAILABLE = 1, Ok, Never, "media available";
    UNAVAILABLE = 2, Ok, Never, "media unavailable";
}

table! {
    /// Why that changed (3.5.3, mute and unmute events). Begins at 0.
    media_status_reason: MediaStatusReason, Number, none;
    OFFLINE = 0, Ok, Never, "media offline";
    MUTED = 1, Ok, Never, "muted";
    UNMUTED = 2, Ok, Never, "unmuted";
}

table! {
    /// What the event signature-expired says (3.5.3): two of the client codes, there as text.
    signature: Signature, Number, "RTC_ERR_CODE_";
    SIGNATURE_EXPIRED = 90_100_030, Unauthenticated, Reauth, "signature past its expiry", says "signature expired";
    SIGNATURE_INVALID = 90_100_031, Unauthenticated, Reauth, "signature not valid", says "signature invalid";
}
