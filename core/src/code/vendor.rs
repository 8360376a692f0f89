//! What the codes of two vendors have in common: where a code stands, what it means, and what to do about it.
//!
//! A vendor prints several tables whose numbers collide: 20 is an Agora error and an Agora warning, 6 a reason for leaving and a fault of a live stream. So the key is the table
//! and the number, [`VendorCode`]. Like a [`Code`](super::Code), it is a number first: one that no table holds travels through unharmed and has no [`Entry`].
//!
//! What a vendor prints (number, symbol, message, who is at fault, what stays inside its SDK) is kept to the digit. What a code means for a program, [`Kind`] and [`Retry`], is
//! our reading, after the status codes of gRPC, whose test for them is worth repeating: *unavailable* asks for the same call again, *aborted* for the whole operation,
//! *failed precondition* for a repair first.
//!
//! ```
//! use greenroom_core::code::{sparkrtc, vendor::{Domain, Retry, Vendor}};
//!
//! let code = Domain::Server.parse("RTC.34000001")?;
//! assert_eq!(code, sparkrtc::server::ROOM_FULL);
//! assert_eq!((code.to_string().as_str(), code.entry().map(|entry| entry.retry)), ("RTC.34000001", Some(Retry::Backoff)));
//!
//! let newer = Domain::Server.parse("RTC.34000099")?;
//! assert_eq!((newer.to_string().as_str(), newer.entry()), ("RTC.34000099", None));
//!
//! let printed_twice = Vendor::Agora.with_symbol("ERR_ALREADY_IN_USE").map(|entry| entry.code.to_string());
//! assert_eq!(printed_twice.collect::<Vec<_>>(), ["19", "20"]);
//! # Ok::<(), greenroom_core::code::vendor::NotACode>(())
//! ```

use core::fmt;

use super::{agora, sparkrtc};

/// A code of a vendor: which of its tables, and the number or text there. Any value is as valid as those that the tables hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VendorCode<'t> {
    /// The table.
    pub domain: Domain,
    /// What stands in it.
    pub value: Value<'t>,
}

/// How a vendor spells a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value<'t> {
    /// As a number: every table but one.
    Number(u32),
    /// As a text: [`Domain::Reason`].
    Text(&'t str),
}

/// A row of a vendor's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The code.
    pub code: VendorCode<'static>,
    /// Its symbol as printed, where one is.
    pub symbol: Option<&'static str>,
    /// Other symbols for it: what its spelling or its meaning would make one expect.
    pub aliases: &'static [&'static str],
    /// Its message as printed, where one is.
    pub message: Option<&'static str>,
    /// What it means, in our words.
    pub meaning: &'static str,
    /// What sort of trouble it is.
    pub kind: Kind,
    /// What may help.
    pub retry: Retry,
    /// Who is at fault as printed, where it is.
    pub fault: Option<Fault>,
    /// Whether it stays inside the vendor's SDK: no result and no event ever carries it outwards (R-069, R-243).
    pub internal_only: bool,
}

/// Whose documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vendor {
    /// Huawei SparkRTC, Web SDK.
    SparkRtc,
    /// Agora, Native SDK for Web 1.7.
    Agora,
}

/// One of the tables, each of which counts for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// SparkRTC: what its SDK reports.
    Client,
    /// SparkRTC: what its service reports.
    Server,
    /// SparkRTC: why a user left.
    LeaveReason,
    /// SparkRTC: how a live stream is doing.
    LiveStreamStatus,
    /// SparkRTC: what is wrong with a live stream.
    LiveStreamError,
    /// SparkRTC: whether a track can be received.
    MediaStatusAction,
    /// SparkRTC: why that changed.
    MediaStatusReason,
    /// SparkRTC: what is wrong with a signature.
    Signature,
    /// Agora: errors.
    Error,
    /// Agora: warnings.
    Warning,
    /// Agora: reasons that are texts.
    Reason,
}

/// What a table is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The operation failed, and the application has to act.
    Error,
    /// The operation goes on, and the application may ignore it.
    Warning,
    /// Something is told about somebody or something else.
    Notice,
}

/// What sort of trouble a vendor's code means. Finer than the [`Kind`](super::Kind) of our own codes, which their numbers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing is wrong.
    Ok,
    /// The request cannot be right, here or anywhere.
    InvalidArgument,
    /// Who asks has not shown who it is: no, a wrong or an old credential.
    Unauthenticated,
    /// Who asks is known, and may not.
    PermissionDenied,
    /// It cannot be done in the present state.
    FailedPrecondition,
    /// What the request names is not there.
    NotFound,
    /// What the request would make is there already.
    AlreadyExists,
    /// Something countable is used up.
    ResourceExhausted,
    /// The other side cannot be reached or cannot serve now.
    Unavailable,
    /// No answer in time.
    DeadlineExceeded,
    /// Given up for a reason of the operation's surroundings.
    Aborted,
    /// This version, browser or device cannot do it.
    Unimplemented,
    /// The other side, or the software, is at fault.
    Internal,
    /// Ended by the one who asked.
    Cancelled,
    /// A camera, microphone or loudspeaker: missing, busy, forbidden or broken.
    Device,
    /// The vendor does not say.
    Unknown,
}

/// What may help, after a vendor's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Nothing: the same request fails the same way.
    Never,
    /// The same request, after its cause is removed.
    AfterFix,
    /// The same request, with a new credential.
    Reauth,
    /// The same request, waiting longer each time.
    Backoff,
    /// The same request, over a new connection.
    Reconnect,
}

/// Who is at fault, as the table of SparkRTC's service prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The one who asked: the application can cure it (R-245).
    User,
    /// The program or its environment.
    Environment,
}

/// Why a text is no code of the table it was read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("not a code of the table {}: expected {}", .domain.name(), .domain.spelling())]
pub struct NotACode {
    /// The table.
    pub domain: Domain,
}

impl NotACode {
    /// How the codes of the table are spelled, for an error of one's own.
    pub const fn expected(self) -> &'static str {
        self.domain.spelling()
    }
}

impl VendorCode<'_> {
    /// The row of the table, for a code that this version knows.
    pub fn entry(self) -> Option<&'static Entry> {
        let entries = self.domain.entries();
        entries.binary_search_by(|entry| entry.code.value.cmp(&self.value)).ok().map(|at| &entries[at])
    }
}

/// As the vendor prints it: `RTC.34000001`, `90100022`, `CLOSE_BEFORE_OPEN`.
impl fmt::Display for VendorCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.domain, self.value) {
            (Domain::Server, Value::Number(number)) => write!(f, "{SERVER_PREFIX}{number:08}"),
            (_, Value::Number(number)) => write!(f, "{number}"),
            (_, Value::Text(text)) => f.write_str(text),
        }
    }
}

/// What stands before the number of a code of SparkRTC's service.
const SERVER_PREFIX: &str = "RTC.";

impl Entry {
    /// What to do about it, in a few words.
    pub const fn advice(&self) -> &'static str {
        if self.internal_only {
            return "nothing: it stays inside";
        }
        if matches!(self.code.domain.level(), Level::Warning) && !matches!(self.kind, Kind::Device) {
            return "nothing: the operation goes on";
        }
        match (self.retry, self.kind) {
            (_, Kind::Ok) => "nothing",
            (Retry::Never, Kind::AlreadyExists) => "do not repeat: it is there already",
            (Retry::Never, Kind::Unimplemented) => "do without, or change version or device",
            (Retry::Never, Kind::Cancelled) => "ask again if it is still wanted",
            (Retry::Never, _) => "do not repeat",
            (Retry::AfterFix, Kind::InvalidArgument) => "correct the argument",
            (Retry::AfterFix, Kind::FailedPrecondition) => "reach the right state first",
            (Retry::AfterFix, Kind::NotFound) => "look whether it still exists",
            (_, Kind::PermissionDenied) if matches!(self.code.domain, Domain::LeaveReason) => "stop, and tell the user",
            (Retry::AfterFix, Kind::PermissionDenied) => "get the role or the permission",
            (Retry::AfterFix, Kind::Device) => "look at the device and its permission",
            (Retry::AfterFix, _) => "remove the cause first",
            (Retry::Reauth, _) => "get a new credential",
            (Retry::Backoff, _) => "try again, waiting longer each time",
            (Retry::Reconnect, _) => "connect anew",
        }
    }
}

impl Vendor {
    /// Both of them.
    pub const ALL: &'static [Self] = &[Self::SparkRtc, Self::Agora];

    /// The word for it in files, commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SparkRtc => "sparkrtc",
            Self::Agora => "agora",
        }
    }

    /// The vendor of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|vendor| vendor.name() == name)
    }

    /// Its tables.
    pub fn domains(self) -> impl Iterator<Item = Domain> + Clone {
        Domain::ALL.iter().copied().filter(move |domain| domain.vendor() == self)
    }

    /// Every row with that symbol, printed or alias, table by table. There may be several: Agora prints one symbol for two codes (R-242).
    pub fn with_symbol(self, symbol: &str) -> impl Iterator<Item = &'static Entry> {
        let entries = self.domains().flat_map(Domain::entries);
        entries.filter(move |entry| entry.symbol == Some(symbol) || entry.aliases.contains(&symbol))
    }
}

impl Domain {
    /// Every table, in the order of the documents.
    pub const ALL: &'static [Self] = &[
        Self::Client,
        Self::Server,
        Self::LeaveReason,
        Self::LiveStreamStatus,
        Self::LiveStreamError,
        Self::MediaStatusAction,
        Self::MediaStatusReason,
        Self::Signature,
        Self::Error,
        Self::Warning,
        Self::Reason,
    ];

    /// Whose table it is.
    pub const fn vendor(self) -> Vendor {
        match self {
            Self::Client
            | Self::Server
            | Self::LeaveReason
            | Self::LiveStreamStatus
            | Self::LiveStreamError
            | Self::MediaStatusAction
            | Self::MediaStatusReason
            | Self::Signature => Vendor::SparkRtc,
            Self::Error | Self::Warning | Self::Reason => Vendor::Agora,
        }
    }

    /// The word for it in files, commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::LeaveReason => "leave_reason",
            Self::LiveStreamStatus => "live_stream_status",
            Self::LiveStreamError => "live_stream_error",
            Self::MediaStatusAction => "media_status_action",
            Self::MediaStatusReason => "media_status_reason",
            Self::Signature => "signature",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Reason => "reason_string",
        }
    }

    /// What it lists, for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Client => "what the SDK reports",
            Self::Server => "what the service reports",
            Self::LeaveReason => "why a user left",
            Self::LiveStreamStatus => "how a live stream is doing",
            Self::LiveStreamError => "what is wrong with a live stream",
            Self::MediaStatusAction => "whether a track can be received",
            Self::MediaStatusReason => "why that changed",
            Self::Signature => "what is wrong with a signature",
            Self::Error => "what the application has to act on",
            Self::Warning => "what the application may ignore",
            Self::Reason => "what has a word and no number",
        }
    }

    /// What the table is there for (R-252).
    pub const fn level(self) -> Level {
        match self {
            Self::Client | Self::Server | Self::Signature | Self::Error | Self::Reason => Level::Error,
            Self::Warning => Level::Warning,
            Self::LeaveReason | Self::LiveStreamStatus | Self::LiveStreamError | Self::MediaStatusAction | Self::MediaStatusReason => {
                Level::Notice
            }
        }
    }

    /// Every row that this version knows, by rising number or text.
    pub const fn entries(self) -> &'static [Entry] {
        match self {
            Self::Client => sparkrtc::client::ENTRIES,
            Self::Server => sparkrtc::server::ENTRIES,
            Self::LeaveReason => sparkrtc::leave_reason::ENTRIES,
            Self::LiveStreamStatus => sparkrtc::live_stream_status::ENTRIES,
            Self::LiveStreamError => sparkrtc::live_stream_error::ENTRIES,
            Self::MediaStatusAction => sparkrtc::media_status_action::ENTRIES,
            Self::MediaStatusReason => sparkrtc::media_status_reason::ENTRIES,
            Self::Signature => sparkrtc::signature::ENTRIES,
            Self::Error => agora::error::ENTRIES,
            Self::Warning => agora::warning::ENTRIES,
            Self::Reason => agora::reason::ENTRIES,
        }
    }

    /// The code of that number in this table.
    pub const fn number(self, number: u32) -> VendorCode<'static> {
        VendorCode { domain: self, value: Value::Number(number) }
    }

    /// Reads a code of this table as the vendor prints it. A code of the service may lack its `RTC.`; an Agora error may be negative, as its calls return it.
    pub fn parse(self, text: &str) -> Result<VendorCode<'_>, NotACode> {
        if matches!(self, Self::Reason) {
            let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
            return if is_word { Ok(VendorCode { domain: self, value: Value::Text(text) }) } else { Err(NotACode { domain: self }) };
        }
        let digits = match self {
            Self::Server => text.strip_prefix(SERVER_PREFIX).unwrap_or(text),
            Self::Error => text.strip_prefix('-').unwrap_or(text),
            _ => text,
        };
        // `u32` would read a plus sign.
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).map(|number| self.number(number)).ok_or(NotACode { domain: self })
    }

    /// How its codes are spelled.
    const fn spelling(self) -> &'static str {
        match self {
            Self::Server => "a number of up to 32 bits, RTC. before it or not",
            Self::Error => "a number of up to 32 bits, a minus sign before it or not",
            Self::Reason => "a word of capital letters, digits and underscores",
            _ => "a number of up to 32 bits",
        }
    }
}

impl Kind {
    /// The word for it in files, commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::InvalidArgument => "invalid_argument",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::FailedPrecondition => "failed_precondition",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::ResourceExhausted => "resource_exhausted",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Aborted => "aborted",
            Self::Unimplemented => "unimplemented",
            Self::Internal => "internal",
            Self::Cancelled => "cancelled",
            Self::Device => "device",
            Self::Unknown => "unknown",
        }
    }
}

impl Retry {
    /// The word for it in files, commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::AfterFix => "after_fix",
            Self::Reauth => "reauth",
            Self::Backoff => "backoff",
            Self::Reconnect => "reconnect",
        }
    }
}

impl Fault {
    /// The word for it, as printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Environment => "environment",
        }
    }
}

/// Declares a module for one table: its name, its [`Domain`], how its codes are spelled, what its symbols begin with (`none`: it prints none), and its rows, which are
/// `CONSTANT = value, Kind, Retry, "meaning"` and, where there is more to say: `printed` (a symbol that is not the constant's name), `says` (the message), `also` (another
/// symbol), `fault`, `internal true`.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $module:ident: $domain:ident, $value:ident, $prefix:tt;
        $(
            $name:ident = $code:literal, $kind:ident, $retry:ident, $meaning:literal
            $(, printed $printed:literal)? $(, says $message:literal)? $(, also $alias:literal)? $(, fault $fault:ident)? $(, internal $internal:literal)?;
        )+
    ) => {
        $(#[$doc])*
        pub mod $module {
            #[allow(unused_imports, reason = "not every table has faults")]
            use crate::code::vendor::{Domain, Entry, Fault, Kind, Retry, Value, VendorCode};

            $(
                #[doc = concat!("Means: ", $meaning, ".")]
                pub const $name: VendorCode<'static> = VendorCode { domain: Domain::$domain, value: Value::$value($code) };
            )+

            pub(in crate::code) const ENTRIES: &[Entry] = &[$(
                Entry {
                    code: $name,
                    symbol: [$(Some($printed),)? crate::code::vendor::symbol!($prefix, $name)][0],
                    aliases: &[$($alias)?],
                    message: [$(Some($message),)? None][0],
                    meaning: $meaning,
                    kind: Kind::$kind,
                    retry: Retry::$retry,
                    fault: [$(Some(Fault::$fault),)? None][0],
                    internal_only: [$($internal,)? false][0],
                },
            )+];
        }
    };
}

macro_rules! symbol {
    (none, $name:ident) => {
        None
    };
    ($prefix:literal, $name:ident) => {
        Some(concat!($prefix, stringify!($name)))
    };
}

pub(super) use {symbol, table};

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec::Vec};

    use super::*;

    #[test]
    fn rows_are_in_order_and_found_where_they_stand() {
        for &domain in Domain::ALL {
            assert!(domain.entries().windows(2).all(|pair| pair[0].code < pair[1].code), "{}", domain.name());
            for entry in domain.entries() {
                assert_eq!(entry.code.domain, domain);
                assert_eq!(entry.code.entry(), Some(entry));
                assert_eq!(domain.parse(&entry.code.to_string()), Ok(entry.code), "what is printed can be read");
            }
        }
    }

    #[test]
    fn names_are_found_again() {
        assert!(Vendor::ALL.iter().all(|vendor| Vendor::named(vendor.name()) == Some(*vendor)));
        let names: Vec<_> = Domain::ALL.iter().map(|domain| (domain.vendor(), domain.name())).collect();
        assert_eq!(names.len(), names.iter().collect::<std::collections::BTreeSet<_>>().len());
        let listed = Vendor::ALL.iter().flat_map(|vendor| vendor.domains());
        assert_eq!(listed.collect::<Vec<_>>(), Domain::ALL);
    }

    // R-244
    #[test]
    fn a_code_of_the_service_has_its_letters_and_eight_digits() {
        for text in ["RTC.34000001", "34000001"] {
            assert_eq!(Domain::Server.parse(text).map(|code| code.to_string()).as_deref(), Ok("RTC.34000001"));
        }
        assert_eq!(Domain::Server.number(7).to_string(), "RTC.00000007");
        let faults = |fault| sparkrtc::server::ENTRIES.iter().filter(|entry| entry.fault == Some(fault)).count();
        assert_eq!((faults(Fault::User), faults(Fault::Environment)), (8, 34));
    }

    #[test]
    fn a_number_from_a_newer_peer_survives() {
        for (domain, text) in
            [(Domain::Server, "RTC.34000099"), (Domain::Client, "4294967295"), (Domain::Warning, "21"), (Domain::Reason, "FULL_MOON")]
        {
            let code = domain.parse(text).expect("any number is a code");
            assert_eq!((code.to_string().as_str(), code.entry()), (text, None));
        }
    }

    #[test]
    fn an_agora_error_is_the_same_when_a_call_returns_it_negative() {
        assert_eq!(Domain::Error.parse("-17"), Ok(agora::error::JOIN_CHANNEL_REJECTED));
    }

    #[test]
    fn what_is_no_code_is_refused_with_what_was_expected() {
        let wrong = [
            (Domain::Client, &["", "RTC.90000001", "+1", "-1", " 1", "1 ", "0x1", "4294967296", "１", "x"][..]),
            (Domain::Server, &["RTC.", "RTC", "rtc.34000001", "RTC.-1", "RTC.RTC.1"]),
            (Domain::Error, &["--1", "-", "ERR_OK"]),
            (Domain::Reason, &["", "close_before_open", "A B"]),
        ];
        for (domain, texts) in wrong {
            for text in texts {
                assert_eq!(domain.parse(text), Err(NotACode { domain }), "{text:?}");
            }
        }
        let said = NotACode { domain: Domain::Server }.to_string();
        assert_eq!(said, "not a code of the table server: expected a number of up to 32 bits, RTC. before it or not");
    }
}
