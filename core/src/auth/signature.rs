//! SparkRTC's signature (chapter 4 of its reference): HMAC-SHA-256 in 64 lower-case hexadecimal digits.
//!
//! ```text
//! signature = hex(HMAC-SHA-256(app key, app "+" room "+" user "+" ctime))        ctime: when it expires, Unix seconds in decimal (R-035)
//! ```
//!
//! **The plus signs are real** (C-01). The chapter also prints a formula without them, but the sample beside it stresses that they are characters of the text. They keep the fields
//! apart only because no field may hold one: room "a+b" with user "c" and room "a" with user "b+c" have one and the same signature. So identifiers are checked before the code
//! is computed (R-036, R-056).
//!
//! **`ctime` is an expiry** (C-02), though two places of the reference call it a signature timestamp. A signature is good up to and including that second (R-039) and must end less
//! than twelve hours ahead (R-040). When it was issued is not in it, so nobody can tell an old one from a new one that ends at the same time.
//!
//! Left open by the reference, and decided here:
//!
//! - Digits in upper case are refused. One signature has one spelling, so that whoever counts or caches signatures counts each once.
//! - `ctime` is canonical: no sign, blank, or zero in front. It is signed as text, so "007" and "7" would be two signatures for one date.
//! - A forged signature is invalid, expired or not: only who holds a genuine one learns anything about its dates.
//! - There is no leeway for clocks. Both ends of the interval are the issuer's choice, and it can choose them with a margin.

use alloc::string::String;

use hmac::Mac as _;

use super::{
    Claim, Grant, Refusal, Secret,
    mac::{HmacSha256, from_hex, hmac_sha256, to_hex},
};
use crate::{id::AppId, limits, time::UnixSeconds};

/// Checks that `signature` was made for `claim` and `ctime` with `key`, and that it is good at `now`.
///
/// In this order, so that the code is computed over one reading of the fields, and dates are looked at only where they are genuine:
///
/// 1. The identifiers, the length of the signature and the form of `ctime`: [`Refusal::Malformed`].
/// 2. The signature, in constant time: [`Refusal::Invalid`].
/// 3. The expiry: [`Refusal::Expired`] after it, [`Refusal::TooLong`] if it lies twelve hours ahead or more.
pub fn verify(key: &Secret, claim: Claim<'_>, signature: &str, ctime: &str, now: UnixSeconds) -> Result<Grant, Refusal> {
    if !id_valid(claim.room) || !id_valid(claim.user) || signature.is_empty() || signature.len() > limits::SIGNATURE_BYTES {
        return Err(Refusal::Malformed);
    }
    let until = parse_ctime(ctime).ok_or(Refusal::Malformed)?;
    let shown: [u8; 32] = from_hex(signature.as_bytes()).ok_or(Refusal::Invalid)?;
    let expected = mac(key, claim.app.as_str(), claim.room, claim.user, ctime);
    expected.verify_slice(&shown).map_err(|_| Refusal::Invalid)?;
    if now > until {
        return Err(Refusal::Expired);
    }
    if until >= now.saturating_add(limits::SIGNATURE_AHEAD) {
        return Err(Refusal::TooLong);
    }
    Ok(Grant { until: Some(until) })
}

/// The signature of these fields, whatever they hold: what an issuer hands out. One made for identifiers that are not [valid](ids_valid) opens nothing.
pub fn sign(key: &Secret, app: &str, room: &str, user: &str, ctime: &str) -> String {
    to_hex(mac(key, app, room, user, ctime))
}

/// Whether a signature over these identifiers can be accepted: none of them may hold a plus sign, so that no two lists of fields make one text.
pub fn ids_valid(app: &str, room: &str, user: &str) -> bool {
    AppId::new(app).is_ok() && id_valid(room) && id_valid(user)
}

fn mac(key: &Secret, app: &str, room: &str, user: &str, ctime: &str) -> HmacSha256 {
    hmac_sha256(key, &[app.as_bytes(), b"+", room.as_bytes(), b"+", user.as_bytes(), b"+", ctime.as_bytes()])
}

/// 1 to 64 characters of `a-z A-Z 0-9 - _`, for rooms and users alike (R-056).
fn id_valid(id: &str) -> bool {
    (1..=limits::USER_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The date, if it is written in the one way it can be written (R-038).
fn parse_ctime(text: &str) -> Option<UnixSeconds> {
    let canonical = text == "0" || !text.starts_with('0');
    canonical.then(|| UnixSeconds::parse(text)).flatten()
}
