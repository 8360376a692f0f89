//! Agora's channel keys, called dynamic keys too: HMAC-SHA-1 over who may enter which channel, when.
//!
//! The manual describes one kind in a table, 103 characters without separators (R-049). It does not print that kind's version; the layout is that of version 004:
//!
//! ```text
//! key        = "004" signature(40) app id(32) issued(10) random(8) expires(10)
//! signature  = hex(HMAC-SHA-1(App Certificate, service app id issued random channel uid expires))        service: "ACS" to enter, "ARS" to record
//! ```
//!
//! Dates and the uid are ten decimal digits with zeros in front, the random number eight lower-case hexadecimal ones, and the certificate is taken as text (R-050, C-44: none of
//! this is printed; it is what the vendor's published code does, and its published keys come out). The channel is the one field whose length varies. Fields of fixed length
//! stand on both sides of it, so that the text reads in one way only and the channel needs no check before the code is computed.
//!
//! # Three clocks
//!
//! The manual speaks of expiry in three senses (C-19), which are kept apart:
//!
//! 1. *The join window*: a key lets its holder enter until 5 minutes after its issue, that second included (R-051). Its end does not end a stay.
//! 2. *The key's life*: "after some time" a key is no longer good, and the application is told to renew it (109). No figure is printed: [`limits::CHANNEL_KEY_LIFE`]. It counts when
//!    a key is shown to come back to a place that was kept. It does not end a stay either.
//! 3. *The end of service*: at that second the member is removed, at once. Zero stands for no end (R-052).
//!
//! A key issued more than a minute in the future is invalid: its window would be wider than five minutes for whoever holds it early.
//!
//! Left open by the manual, and decided here:
//!
//! - A key for uid 0 admits the user 0 and no other. In joins, 0 asks the server for a number; a key that admitted any number would be worth stealing most.
//! - Digits in upper case are refused, wherever a field is hexadecimal. So are blanks and signs, which the vendor's own parser lets pass.
//!
//! # Versions
//!
//! All five versions can be [generated](generate), for tests against other servers. Only 004 is checked. 001 carries neither uid nor expiry and is good for anyone who overhears it,
//! and the texts that 001 and 002 sign can be made to coincide: a channel of 001 may end in twenty digits that 002 reads as uid and expiry. 003 signs no service, so that a key to
//! record would open the channel. 005 is newer than the manual.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use hmac::Mac as _;

use super::{
    Claim, Grant, Purpose, Refusal, Secret,
    mac::{HmacSha1, from_hex, hmac_sha1, to_hex},
};
use crate::{id::AppId, limits, time::UnixSeconds};

/// A key of version 004, taken apart. Its fields are claims until [`ChannelKey::authenticate`] has said otherwise.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChannelKey {
    signature: [u8; 20],
    app_id: AppId,
    issued: UnixSeconds,
    random: u32,
    expires: UnixSeconds,
}

/// Why a text is no channel key of version 004. It says where, and never what stands there: most of a key with one typing error is a secret still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is too short or too long.
    #[error("a channel key has {LENGTH} bytes; this text has {len}")]
    Length {
        /// How long the text is, in bytes.
        len: usize,
    },
    /// A field does not hold what it should.
    #[error("the {field} at byte {at} of a channel key must be {expected}")]
    Field {
        /// Which field.
        field: &'static str,
        /// Where it begins, in bytes from the start.
        at: usize,
        /// What it should hold.
        expected: &'static str,
    },
}

impl From<ParseError> for Refusal {
    fn from(_: ParseError) -> Self {
        Self::Malformed
    }
}

/// How long a key of version 004 is, in bytes (R-049).
pub const LENGTH: usize = 103;

impl ChannelKey {
    /// Takes a key apart. Every field must have the one form in which it is written.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() != LENGTH {
            return Err(ParseError::Length { len: text.len() });
        }
        let mut end = 0;
        // Fields are cut out as bytes: a character of several bytes may stand across a border.
        let mut field = |len: usize| {
            let at = end;
            end += len;
            (at, &text.as_bytes()[at..end])
        };
        let bad = |field, at, expected| ParseError::Field { field, at, expected };
        let (at, version) = field(3);
        if version != Version::V004.as_str().as_bytes() {
            return Err(bad("version", at, "004"));
        }
        let (at, digits) = field(40);
        let signature = from_hex(digits).ok_or(bad("signature", at, "40 lower-case hexadecimal digits"))?;
        let (at, name) = field(APP_ID_LEN);
        let app_id = core::str::from_utf8(name).ok().and_then(|name| AppId::new(name).ok());
        let app_id = app_id.ok_or(bad("app id", at, "32 printable ASCII characters but +"))?;
        let (at, digits) = field(10);
        let issued = date(digits).ok_or(bad("issue time", at, "ten decimal digits below 2^32"))?;
        let (at, digits) = field(8);
        let random = from_hex(digits).map(u32::from_be_bytes).ok_or(bad("random number", at, "eight lower-case hexadecimal digits"))?;
        let (at, digits) = field(10);
        let expires = date(digits).ok_or(bad("end of service", at, "ten decimal digits below 2^32"))?;
        Ok(Self { signature, app_id, issued, random, expires })
    }

    /// The app that the key says it is for.
    pub fn app_id(&self) -> &AppId {
        &self.app_id
    }

    /// When the key says it was issued, and when its service ends.
    pub fn times(&self) -> Times {
        Times { issued: self.issued, expires: self.expires }
    }

    /// Checks that the key lets user `uid` enter `channel` of that app at `now`.
    pub fn verify(&self, certificate: &Secret, app_id: &AppId, channel: &str, uid: u32, now: UnixSeconds) -> Result<Grant, Refusal> {
        self.verify_for(Purpose::Join, certificate, app_id, channel, uid, now)
    }

    /// As [`verify`](Self::verify), for something else than entering.
    pub fn verify_for(
        &self,
        purpose: Purpose,
        certificate: &Secret,
        app_id: &AppId,
        channel: &str,
        uid: u32,
        now: UnixSeconds,
    ) -> Result<Grant, Refusal> {
        self.authenticate(certificate, Service::Media, app_id, channel, uid)?;
        let moment = match purpose {
            Purpose::Join | Purpose::SwitchRole => Moment::Join,
            Purpose::Renew => Moment::Renew,
            Purpose::Rejoin => Moment::Resume,
        };
        match time_verdict(self.times(), moment, now) {
            Verdict::Accept | Verdict::Stay => Ok(self.times().grant()),
            Verdict::Expired | Verdict::Kick => Err(Refusal::Expired),
            Verdict::Invalid => Err(Refusal::Invalid),
        }
    }

    /// Checks that the key was made for this with the app's certificate, whatever the time: [`Refusal::UnknownApp`] if it names another app, [`Refusal::Invalid`] if the
    /// signature is wrong. The names are the caller's, not the key's: a key to record does not open the channel, and neither uid nor channel are in the key.
    pub fn authenticate(&self, certificate: &Secret, service: Service, app_id: &AppId, channel: &str, uid: u32) -> Result<(), Refusal> {
        // App ids are no secret, so `!=` may tell how far two of them agree.
        if self.app_id != *app_id {
            return Err(Refusal::UnknownApp);
        }
        let service = service.code().ok_or(Refusal::Invalid)?;
        let expected = mac_of_text(certificate, service, app_id, &head(self.issued, self.random), channel, &tail(uid, self.expires));
        expected.verify_slice(&self.signature).map_err(|_| Refusal::Invalid)
    }
}

/// Without the signature and the random number: with them, the key could be put together again (R-257).
impl fmt::Debug for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ChannelKey");
        shown.field("app_id", &self.app_id).field("issued", &self.issued.0).field("expires", &self.expires.0).finish_non_exhaustive()
    }
}

/// Checks a key as it was shown, for what a room server knows.
pub(super) fn check(certificate: &Secret, claim: Claim<'_>, key: &str, purpose: Purpose, now: UnixSeconds) -> Result<Grant, Refusal> {
    let key = ChannelKey::parse(key)?;
    let uid = parse_uid(claim.user).ok_or(Refusal::Malformed)?;
    key.verify_for(purpose, certificate, claim.app, claim.room, uid, now)
}

/// Whether a channel may have this name: 1 to 64 bytes out of 89 characters (R-071).
///
/// Those are letters, digits, the blank and 26 signs. The manual prints the colon twice and a backslash before the dollar sign; read as a semicolon and an escape, there are the 89
/// that it counts, and `|`, `\`, `/`, `*`, `"` and `'` are not among them (C-18).
pub fn channel_valid(name: &str) -> bool {
    (1..=limits::CHANNEL_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" !#$%&()+,-:;<=.>?@[]^_`{}~".contains(&byte))
}

/// The dates in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Times {
    /// When it was issued.
    pub issued: UnixSeconds,
    /// When its service ends: the member is removed at that second. Zero means never.
    pub expires: UnixSeconds,
}

impl Times {
    /// The grant of an accepted key: good until the second before the service ends.
    fn grant(self) -> Grant {
        Grant { until: self.expires.0.checked_sub(1).map(UnixSeconds) }
    }
}

/// When the dates of a key are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The user enters.
    Join,
    /// The user enters again after it was dropped. Its place is gone, so it needs as fresh a key as for entering the first time.
    RejoinAfterDrop,
    /// The connection is back, and the place was kept.
    Resume,
    /// A new key replaces the one that the user came with.
    Renew,
    /// The user is in the channel and shows nothing: a timer asks.
    InChannel,
}

impl Moment {
    /// The moment of that name: `join`, `rejoin_after_drop`, `resume`, `renew`, `in_channel` or `in_channel_timer`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "join" => Some(Self::Join),
            "rejoin_after_drop" => Some(Self::RejoinAfterDrop),
            "resume" => Some(Self::Resume),
            "renew" => Some(Self::Renew),
            "in_channel" | "in_channel_timer" => Some(Self::InChannel),
            _ => None,
        }
    }
}

/// What the dates of a key mean at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The key is good for this.
    Accept,
    /// The key is not good any more; a new one is needed (109).
    Expired,
    /// The key was issued in the future (110).
    Invalid,
    /// The user may stay.
    Stay,
    /// The service has ended: the user is removed (109).
    Kick,
}

impl Verdict {
    /// The verdict as a word: `accept`, `expired`, `invalid`, `stay`, `kick`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::Stay => "stay",
            Self::Kick => "kick",
        }
    }
}

/// The three clocks of a key, at `now`. What they mean stands at the top of [this module](self).
pub fn time_verdict(times: Times, moment: Moment, now: UnixSeconds) -> Verdict {
    let ended = times.expires != UnixSeconds(0) && now >= times.expires;
    let good_for = match moment {
        Moment::InChannel => return if ended { Verdict::Kick } else { Verdict::Stay },
        Moment::Join | Moment::RejoinAfterDrop | Moment::Renew => limits::CHANNEL_KEY_WINDOW,
        Moment::Resume => limits::CHANNEL_KEY_LIFE,
    };
    if times.issued > now.saturating_add(limits::CHANNEL_KEY_AHEAD) {
        return Verdict::Invalid;
    }
    if ended || now > times.issued.saturating_add(good_for) { Verdict::Expired } else { Verdict::Accept }
}

/// A version of the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 90 characters: neither uid nor expiry, and no version in front.
    V001,
    /// 110 characters: uid and expiry, and no version in front.
    V002,
    /// 113 characters: as 002, with the version in front.
    V003,
    /// 103 characters: the uid is signed, but not in the key; so is the service.
    V004,
    /// Packed bytes in base 64, with the same content as 004 and a table of privileges.
    V005,
}

impl Version {
    /// The version of that name, `001` to `005`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::V001, Self::V002, Self::V003, Self::V004, Self::V005].into_iter().find(|version| version.as_str() == name)
    }

    /// The name of the version, three digits.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V001 => "001",
            Self::V002 => "002",
            Self::V003 => "003",
            Self::V004 => "004",
            Self::V005 => "005",
        }
    }
}

/// What a key of version 004 or 005 is for. Earlier versions do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Service {
    /// To enter a channel.
    #[default]
    Media,
    /// To record one (R-055).
    Recording,
    /// To share one with the public. The manual does not know it.
    PublicSharing,
    /// To send within a channel. Version 005 only, and the manual does not know it.
    InChannel(Upload),
}

/// What a member may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Upload {
    /// Nothing.
    Nothing,
    /// Audio and video.
    AudioVideo,
}

impl Service {
    /// The service of that name: `ACS`, `ARS` and `APSS` as in keys of version 004, or `media`, `recording`, `public_sharing`, `in_channel_permission 0` and
    /// `in_channel_permission 3` for those of 005.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "ACS" | "media" => Some(Self::Media),
            "ARS" | "recording" => Some(Self::Recording),
            "APSS" | "public_sharing" => Some(Self::PublicSharing),
            "in_channel_permission 0" => Some(Self::InChannel(Upload::Nothing)),
            "in_channel_permission 3" => Some(Self::InChannel(Upload::AudioVideo)),
            _ => None,
        }
    }

    /// How it is written into the text that version 004 signs, which has no word for permissions.
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Media => Some("ACS"),
            Self::Recording => Some("ARS"),
            Self::PublicSharing => Some("APSS"),
            Self::InChannel(_) => None,
        }
    }

    const fn number(self) -> u16 {
        match self {
            Self::Media => 1,
            Self::Recording => 2,
            Self::PublicSharing => 3,
            Self::InChannel(_) => 4,
        }
    }
}

/// What to make a key of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request<'a> {
    /// Which kind of key.
    pub version: Version,
    /// What the key is for. Versions 001 to 003 do not say, and ignore it.
    pub service: Service,
    /// The app: up to 32 characters; for version 005, 32 hexadecimal digits.
    pub app_id: &'a AppId,
    /// The App Certificate, as text; for version 005, 32 hexadecimal digits.
    pub certificate: &'a Secret,
    /// The channel. Its characters are not checked here; [`channel_valid`] does.
    pub channel: &'a str,
    /// When the key is issued.
    pub issued: UnixSeconds,
    /// A random number, another for each key.
    pub random: u32,
    /// The user. Version 001 has none.
    pub uid: Option<u32>,
    /// When the service ends; zero means never. Version 001 has none.
    pub expires: Option<UnixSeconds>,
}

/// Why no key can be made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A field that the version needs is not there.
    #[error("version {version} of channel keys needs a {field}")]
    Missing {
        /// Which version.
        version: &'static str,
        /// Which field.
        field: &'static str,
    },
    /// A field holds what the version cannot carry.
    #[error("the {field} of a channel key of version {version} must be {expected}")]
    Field {
        /// Which version.
        version: &'static str,
        /// Which field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Makes a key: what an application's server does, and a test against one.
pub fn generate(request: &Request<'_>) -> Result<String, RequestError> {
    let Request { version, service, app_id, certificate, channel, issued, random, uid, expires } = *request;
    let name = version.as_str();
    let wrong = |field, expected| RequestError::Field { version: name, field, expected };
    let missing = |field| RequestError::Missing { version: name, field };
    let seconds = |field, time: UnixSeconds| u32::try_from(time.0).map_err(|_| wrong(field, "below 2^32"));
    seconds("issue time", issued)?;
    if version == Version::V005 {
        return generate_packed(request);
    }
    if app_id.as_str().len() > APP_ID_LEN {
        return Err(wrong("app id", "at most 32 characters long"));
    }
    let head = head(issued, random);
    if version == Version::V001 {
        let signature = to_hex(mac_of_text(certificate, "", app_id, &head, channel, ""));
        return Ok(format!("{signature}{app_id}{head}"));
    }
    let uid = uid.ok_or(missing("uid"))?;
    let expires = expires.ok_or(missing("end of service"))?;
    seconds("end of service", expires)?;
    let tail = tail(uid, expires);
    if version == Version::V004 {
        let service = service.code().ok_or(wrong("service", "ACS, ARS or APSS"))?;
        let signature = to_hex(mac_of_text(certificate, service, app_id, &head, channel, &tail));
        return Ok(format!("{name}{signature}{app_id}{head}{expires:010}"));
    }
    let signature = to_hex(mac_of_text(certificate, "", app_id, &head, channel, &tail));
    let prefix = if version == Version::V003 { name } else { "" };
    Ok(format!("{prefix}{signature}{app_id}{head}{tail}"))
}

/// Version 005: packed bytes, and the certificate as the bytes that its digits spell.
fn generate_packed(request: &Request<'_>) -> Result<String, RequestError> {
    let Request { version, service, app_id, certificate, channel, issued, random, uid, expires } = *request;
    let name = version.as_str();
    let wrong = |field, expected| RequestError::Field { version: name, field, expected };
    let missing = |field| RequestError::Missing { version: name, field };
    let seconds = |field, time: UnixSeconds| u32::try_from(time.0).map_err(|_| wrong(field, "below 2^32"));
    let app: [u8; 16] = from_hex(app_id.as_str().to_ascii_lowercase().as_bytes()).ok_or(wrong("app id", "32 hexadecimal digits"))?;
    let certificate = certificate.hex_decoded::<16>().ok_or(wrong("App Certificate", "32 hexadecimal digits"))?;
    let uid = uid.ok_or(missing("uid"))?;
    let expires = seconds("end of service", expires.ok_or(missing("end of service"))?)?;
    let issued = seconds("issue time", issued)?;
    if channel.len() > limits::CHANNEL_NAME_BYTES {
        return Err(wrong("channel", "at most 64 bytes long"));
    }
    // A table from number to text, of one entry or none: 1 is what the member may send.
    let privileges = |packed: Packed| match service {
        Service::InChannel(upload) => packed.u16(1).u16(1).text(match upload {
            Upload::Nothing => b"0",
            Upload::AudioVideo => b"3",
        }),
        Service::Media | Service::Recording | Service::PublicSharing => packed.u16(0),
    };
    let signed = Packed::default().u16(service.number()).text(&app).u32(issued).u32(random).text(channel.as_bytes()).u32(uid).u32(expires);
    let signature = to_hex(hmac_sha1(&certificate, &[&privileges(signed).0])).to_ascii_uppercase();
    let content = Packed::default().u16(service.number()).text(signature.as_bytes()).text(&app).u32(issued).u32(random).u32(expires);
    Ok(format!("{name}{}", base64(&privileges(content).0)))
}

/// How many characters an app id has in a key.
const APP_ID_LEN: usize = 32;

/// The code over the fields as text. App ids shorter than 32 characters are signed with NULs in front, and stand in the key without.
fn mac_of_text(certificate: &Secret, service: &str, app_id: &AppId, head: &str, channel: &str, tail: &str) -> HmacSha1 {
    let padding = &[0; APP_ID_LEN][app_id.as_str().len().min(APP_ID_LEN)..];
    let parts = [service.as_bytes(), padding, app_id.as_str().as_bytes(), head.as_bytes(), channel.as_bytes(), tail.as_bytes()];
    hmac_sha1(certificate, &parts)
}

/// Issue time and random number, as they are signed and written.
fn head(issued: UnixSeconds, random: u32) -> String {
    format!("{issued:010}{random:08x}")
}

/// Uid and end of service, as they are signed.
fn tail(uid: u32, expires: UnixSeconds) -> String {
    format!("{uid:010}{expires:010}")
}

/// A date of 32 bits in decimal digits.
fn date(digits: &[u8]) -> Option<UnixSeconds> {
    let date = UnixSeconds::parse(core::str::from_utf8(digits).ok()?)?;
    u32::try_from(date.0).is_ok().then_some(date)
}

/// A user number in the one way it is written in decimal.
fn parse_uid(text: &str) -> Option<u32> {
    let canonical = text == "0" || !text.starts_with('0');
    let number = canonical.then(|| UnixSeconds::parse(text)).flatten()?;
    u32::try_from(number.0).ok()
}

/// Bytes as version 005 packs them: numbers with the least byte first, texts after their length.
#[derive(Default)]
struct Packed(Vec<u8>);

impl Packed {
    fn u16(mut self, number: u16) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn text(self, text: &[u8]) -> Self {
        let len = u16::try_from(text.len()).expect("channels are at most 64 bytes long, and all else is of fixed length");
        let mut packed = self.u16(len);
        packed.0.extend(text);
        packed
    }
}

/// The bytes in base 64 with padding (RFC 4648 section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0_usize, |bits, (at, byte)| bits | usize::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            // One byte makes two characters, two make three.
            text.push(if at <= chunk.len() { char::from(ALPHABET[bits >> (18 - 6 * at) & 63]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy")];
        for (bytes, expected) in cases {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xbe]), "/+++");
    }

    // R-071
    #[test]
    fn channel_names_are_made_of_89_characters() {
        let allowed = (0..=127_u8).filter(|byte| channel_valid(char::from(*byte).encode_utf8(&mut [0; 4]))).count();
        assert_eq!(allowed, 89);
        assert!(channel_valid(&"c".repeat(64)) && !channel_valid(&"c".repeat(65)) && !channel_valid(""));
        assert!(!channel_valid("a|b") && !channel_valid("a\\b") && !channel_valid("é"));
    }
}
