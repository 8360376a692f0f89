//! The codes of Agora, as the reference of its Native SDK for Web 1.7 prints them.
//!
//! Errors and warnings are numbered apart: 20 is an error and a warning. An error asks the application to act; a warning may be ignored, and the operation goes on.
//! Numbers and symbols are the printed ones (`docs/tables/errors.csv`, which a test compares). The symbol `ERR_ALREADY_IN_USE` is printed twice, for 19 and for 20; the second
//! is [`error::ABORTED`] here, after what it means. 21 to 100, 103 to 108 and 1024 to 1500 are no errors.

use super::vendor::table;

table! {
    /// Error codes (appendix). The symbol is the constant with `ERR_` before it, but for [`ABORTED`](error::ABORTED).
    error: Error, Number, "ERR_";
    OK = 0, Ok, Never, "call succeeded";
    FAILED = 1, Unknown, Backoff, "failure with no better classification";
    INVALID_ARGUMENT = 2, InvalidArgument, AfterFix, "an API argument is unacceptable (for example a forbidden character in the channel name)";
    NOT_READY = 3, FailedPrecondition, AfterFix, "a module the call depends on is not serving yet";
    NOT_SUPPORTED = 4, Unimplemented, Never, "feature absent from this SDK";
    REFUSED = 5, PermissionDenied, AfterFix, "request refused", internal true;
    BUFFER_TOO_SMALL = 6, InvalidArgument, AfterFix, "caller buffer cannot hold the returned data";
    NOT_INITIALIZED = 7, FailedPrecondition, AfterFix, "API used before the SDK was initialised";
    INVALID_VIEW = 8, InvalidArgument, AfterFix, "no usable render view was given for video";
    NO_PERMISSION = 9, PermissionDenied, AfterFix, "operation not permitted", internal true;
    TIMEDOUT = 10, DeadlineExceeded, Backoff, "the SDK took too long to produce the result";
    CANCELED = 11, Cancelled, Never, "request was cancelled", internal true;
    TOO_OFTEN = 12, ResourceExhausted, Backoff, "call rate too high", internal true;
    BIND_SOCKET = 13, Unavailable, Backoff, "local socket bind failed", internal true;
    NET_DOWN = 14, Unavailable, Backoff, "network unavailable", internal true;
    NET_NOBUFS = 15, ResourceExhausted, Backoff, "network buffers exhausted", internal true;
    INIT_VIDEO = 16, Device, AfterFix, "video subsystem could not start";
    JOIN_CHANNEL_REJECTED = 17, AlreadyExists, Never, "join refused; usually the user is already inside a channel";
    LEAVE_CHANNEL_REJECTED = 18, FailedPrecondition, AfterFix, "leave refused; usually the user is already outside";
    ALREADY_IN_USE = 19, AlreadyExists, Never, "resource is occupied and cannot be taken again";
    ABORTED = 20, Aborted, Backoff, "SDK dropped the request, possibly because there were too many", printed "ERR_ALREADY_IN_USE", also "ERR_ABORTED", internal true;
    INVALID_APP_ID = 101, Unauthenticated, Reauth, "App ID not valid";
    INVALID_CHANNEL_NAME = 102, InvalidArgument, AfterFix, "channel name not valid";
    CHANNEL_KEY_EXPIRED = 109, Unauthenticated, Reauth, "the Channel Key in use is past its life";
    INVALID_CHANNEL_KEY = 110, Unauthenticated, Reauth, "Channel Key not valid, usually built wrongly";
    CONNECTION_INTERRUPTED = 111, Unavailable, Backoff, "link to the service dropped; numeric twin of the CONNECTION_INTERRUPTED reason";
    CONNECTION_LOST = 112, Unavailable, Backoff, "link not restored in time; numeric twin of the CONNECTION_LOST reason";
    LOAD_MEDIA_ENGINE = 1001, Internal, Backoff, "media engine could not be loaded";
    START_CALL = 1002, Internal, Backoff, "media engine could not start the call";
    START_CAMERA = 1003, Device, AfterFix, "camera could not start";
    START_VIDEO_RENDER = 1004, Device, AfterFix, "video renderer could not start";
    ADM_GENERAL_ERROR = 1005, Device, AfterFix, "audio device: unclassified fault";
    ADM_JAVA_RESOURCE = 1006, Device, AfterFix, "audio device: Java resource fault";
    ADM_SAMPLE_RATE = 1007, Device, AfterFix, "audio device: sample-rate setting fault";
    ADM_INIT_PLAYOUT = 1008, Device, AfterFix, "audio device: playout init fault";
    ADM_START_PLAYOUT = 1009, Device, AfterFix, "audio device: playout start fault";
    ADM_STOP_PLAYOUT = 1010, Device, AfterFix, "audio device: playout stop fault";
    ADM_INIT_RECORDING = 1011, Device, AfterFix, "audio device: capture init fault";
    ADM_START_RECORDING = 1012, Device, AfterFix, "audio device: capture start fault";
    ADM_STOP_RECORDING = 1013, Device, AfterFix, "audio device: capture stop fault";
    ADM_RUNTIME_PLAYOUT_ERROR = 1015, Device, AfterFix, "audio device: playout fault while running";
    ADM_RUNTIME_RECORDING_ERROR = 1017, Device, AfterFix, "audio device: capture fault while running";
    ADM_RECORD_AUDIO_FAILED = 1018, Device, AfterFix, "audio device: capture failed";
    ADM_INIT_LOOPBACK = 1022, Device, AfterFix, "audio device: loopback init fault";
    ADM_START_LOOPBACK = 1023, Device, AfterFix, "audio device: loopback start fault";
    VDM_CAMERA_NOT_AUTHORIZED = 1501, Device, AfterFix, "video device: camera use not authorised";
}

table! {
    /// Warning codes (appendix). The symbol is the constant with `WARN_` before it.
    warning: Warning, Number, "WARN_";
    PENDING = 20, Unavailable, Backoff, "request parked until a module is ready";
    NO_AVAILABLE_CHANNEL = 103, ResourceExhausted, Backoff, "server cannot allocate channel resources";
    LOOKUP_CHANNEL_TIMEOUT = 104, DeadlineExceeded, Backoff, "join step 1 (lookup) timed out, usually poor network";
    LOOKUP_CHANNEL_REJECTED = 105, Unavailable, Backoff, "join step 1 (lookup) refused by the server";
    OPEN_CHANNEL_TIMEOUT = 106, DeadlineExceeded, Backoff, "join step 2 (open) timed out, usually poor network";
    OPEN_CHANNEL_REJECTED = 107, Unavailable, Backoff, "join step 2 (open) refused by the server";
    ADM_RUNTIME_PLAYOUT_WARNING = 1014, Device, AfterFix, "audio device: playout warning while running";
    ADM_RUNTIME_RECORDING_WARNING = 1016, Device, AfterFix, "audio device: capture warning while running";
    ADM_RECORD_AUDIO_SILENCE = 1019, Device, AfterFix, "audio device: nothing audible captured";
    ADM_PLAYOUT_MALFUNCTION = 1020, Device, AfterFix, "audio device: playout hardware malfunction";
    ADM_RECORD_MALFUNCTION = 1021, Device, AfterFix, "audio device: capture hardware malfunction";
    ADM_HOWLING = 1051, Device, AfterFix, "audio processing: acoustic howling detected";
}

table! {
    /// Reasons that are texts and have no number: those of `init.onFailure`, and of the event `error`.
    reason: Reason, Text, "";
    CLOSE_BEFORE_OPEN = "CLOSE_BEFORE_OPEN", Unavailable, AfterFix, "local agent socket closed before it opened: no network/DNS, agent not running, agent not installed, or a proxy in the way";
    CONNECTION_INTERRUPTED = "CONNECTION_INTERRUPTED", Unavailable, Backoff, "link to service lost, auto-reconnect begins";
    CONNECTION_LOST = "CONNECTION_LOST", Unavailable, Backoff, "not reconnected within the window (10 s by default), retrying continues";
    INCOMPATIBLE_WEBAGENT = "INCOMPATIBLE_WEBAGENT", FailedPrecondition, AfterFix, "installed agent is too old for this JS library; callback carries an upgrade URL";
}
