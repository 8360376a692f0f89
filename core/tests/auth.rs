//! Credentials against published and computed vectors, and their properties.
//!
//! `data/tokens.json` holds the vectors: channel keys published with the vendor's tools, and signatures, keys and refusals computed by another implementation.

use core::hash::{Hash as _, Hasher as _};
use std::collections::hash_map::DefaultHasher;

use greenroom_core::{
    auth::{
        Authority, ChannelKey, Claim, Credential, Grant, Purpose, Refusal, Secret,
        channel_key::{self, Moment, ParseError, Request, RequestError, Service, Times, Upload, Verdict, Version, time_verdict},
        check_unknown_app, signature,
    },
    id::AppId,
    limits,
    time::UnixSeconds,
};
use proptest::prelude::*;
use serde_json::Value;

const NOW: UnixSeconds = UnixSeconds(1_700_000_000);
const APP: &str = "970ca35de60c44645bbae8a215061b33";
const CERTIFICATE: &[u8] = b"5cfd2fd1755d40ecb72977518be15d3b";

fn app() -> AppId {
    AppId::new(APP).expect("32 hexadecimal digits")
}

/// The vectors of one kind: at least as many as there are, so that a lost file is noticed.
fn vectors(kind: &str, at_least: usize) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("data/tokens.json")).expect("the vectors are JSON");
    let known = ["huawei_sign", "huawei_verify", "agora_key", "agora_parse_verify", "agora_time"];
    assert!(all.iter().all(|case| known.contains(&text(case, "kind"))), "a kind of vectors that no test reads");
    let of_kind: Vec<Value> = all.into_iter().filter(|case| case["kind"] == kind).collect();
    assert!(of_kind.len() >= at_least, "{kind}: only {} vectors", of_kind.len());
    of_kind
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_else(|| panic!("{}: no text {field}", case["id"]))
}

fn secret(case: &Value, field: &str) -> Secret {
    Secret::new(text(case, field).as_bytes())
}

fn seconds(case: &Value, field: &str) -> UnixSeconds {
    UnixSeconds(case[field].as_u64().unwrap_or_else(|| panic!("{}: no number {field}", case["id"])))
}

// R-035 R-036
#[test]
fn signatures_are_those_of_the_vectors() {
    for case in vectors("huawei_sign", 7) {
        let (app, room, user) = (text(&case, "app_id"), text(&case, "room_id"), text(&case, "user_id"));
        let signed = signature::sign(&secret(&case, "app_key"), app, room, user, text(&case, "ctime"));
        assert_eq!(signed, text(&case, "signature"), "{}", case["id"]);
        assert_eq!(signature::ids_valid(app, room, user), case["ids_valid"], "{}", case["id"]);
    }
}

// R-038 R-039 R-040 R-041
#[test]
fn signatures_are_accepted_and_refused_as_in_the_vectors() {
    for case in vectors("huawei_verify", 10) {
        let app = AppId::new(text(&case, "app_id")).expect("the vectors' app ids are valid");
        let claim = Claim { app: &app, room: text(&case, "room_id"), user: text(&case, "user_id") };
        let verified =
            signature::verify(&secret(&case, "app_key"), claim, text(&case, "signature"), text(&case, "ctime"), seconds(&case, "now_s"));
        let answer = match verified {
            Ok(_) => ("accept", None),
            Err(Refusal::Expired) => ("expired", Some(90_100_030)),
            Err(_) => ("invalid", Some(90_100_031)),
        };
        assert_eq!(answer, (text(&case, "expected"), case["error_code"].as_u64()), "{}: {verified:?}", case["id"]);
    }
}

// R-049 R-050 R-055
#[test]
fn channel_keys_of_all_versions_are_those_of_the_vectors() {
    for case in vectors("agora_key", 15) {
        let app_id = AppId::new(text(&case, "app_id")).expect("the vectors' app ids are valid");
        let request = Request {
            version: Version::parse(text(&case, "version")).expect("a known version"),
            service: case["service"].as_str().map_or(Service::Media, |name| Service::parse(name).expect("a known service")),
            app_id: &app_id,
            certificate: &secret(&case, "app_certificate"),
            channel: text(&case, "channel"),
            issued: seconds(&case, "unix_ts"),
            random: u32::try_from(case["random"].as_u64().expect("a number")).expect("32 bits"),
            uid: case["uid"].as_u64().map(|uid| u32::try_from(uid).expect("32 bits")),
            expires: case["expired_ts"].as_u64().map(UnixSeconds),
        };
        assert_eq!(channel_key::generate(&request).as_deref(), Ok(text(&case, "key")), "{}", case["id"]);
    }
}

// R-049 R-050 R-053
#[test]
fn channel_keys_are_accepted_and_refused_as_in_the_vectors() {
    for case in vectors("agora_parse_verify", 11) {
        let app_id = AppId::new(text(&case, "app_id")).expect("the vectors' app ids are valid");
        let uid = u32::try_from(case["uid"].as_u64().expect("a number")).expect("32 bits");
        let verified = ChannelKey::parse(text(&case, "key"))
            .map_err(Refusal::from)
            .and_then(|key| key.verify(&secret(&case, "app_certificate"), &app_id, text(&case, "channel"), uid, seconds(&case, "now_s")));
        let answer = match verified {
            Ok(_) => ("accept", None),
            Err(Refusal::Expired) => ("expired", Some(109)),
            Err(Refusal::UnknownApp) => ("invalid_app_id", Some(101)),
            Err(_) => ("invalid", Some(110)),
        };
        assert_eq!(answer, (text(&case, "expected"), case["error_code"].as_u64()), "{}: {verified:?}", case["id"]);
    }
}

// R-051 R-052
#[test]
fn the_clocks_of_a_channel_key_run_as_in_the_vectors() {
    for case in vectors("agora_time", 8) {
        let times = Times { issued: seconds(&case, "unix_ts"), expires: seconds(&case, "expired_ts") };
        let moment = Moment::parse(text(&case, "event")).expect("a known moment");
        let verdict = time_verdict(times, moment, seconds(&case, "now_s"));
        let code = match verdict {
            Verdict::Expired | Verdict::Kick => Some(109),
            Verdict::Invalid => Some(110),
            Verdict::Accept | Verdict::Stay => None,
        };
        assert_eq!((verdict.as_str(), code), (text(&case, "expected"), case["error_code"].as_u64()), "{}", case["id"]);
    }
}

/// A signature for Ada on the stage, and what it was made with.
struct Signed {
    key: Secret,
    app: AppId,
    ctime: String,
    signature: String,
}

impl Signed {
    fn until(ctime: u64) -> Self {
        let (key, app, ctime) = (Secret::new(b"an app key"), app(), ctime.to_string());
        let signature = signature::sign(&key, app.as_str(), "stage", "ada", &ctime);
        Self { key, app, ctime, signature }
    }

    fn claim(&self) -> Claim<'_> {
        Claim { app: &self.app, room: "stage", user: "ada" }
    }

    fn authority(&self) -> Authority {
        Authority::Signature { key: self.key.clone() }
    }

    fn credential(&self) -> Credential {
        Credential::Signature { signature: self.signature.as_str().into(), ctime: self.ctime.as_str().into() }
    }

    fn check_at(&self, now: UnixSeconds) -> Result<Grant, Refusal> {
        self.authority().check(self.claim(), Some(&self.credential()), Purpose::Join, now)
    }
}

/// A channel key for user 42 in channel 1024, and what it was made with.
struct Keyed {
    certificate: Secret,
    app: AppId,
    key: String,
}

impl Keyed {
    fn new(issued: u64, expires: u64) -> Self {
        Self::with(Service::Media, "1024", 42, issued, expires)
    }

    fn with(service: Service, channel: &str, uid: u32, issued: u64, expires: u64) -> Self {
        let (certificate, app) = (Secret::new(CERTIFICATE), app());
        let request = Request {
            version: Version::V004,
            service,
            app_id: &app,
            certificate: &certificate,
            channel,
            issued: UnixSeconds(issued),
            random: 0x1234_5678,
            uid: Some(uid),
            expires: Some(UnixSeconds(expires)),
        };
        let key = channel_key::generate(&request).expect("the request is whole");
        Self { certificate, app, key }
    }

    fn check(&self, purpose: Purpose, now: u64) -> Result<Grant, Refusal> {
        self.check_as("1024", "42", purpose, now)
    }

    fn check_as(&self, channel: &str, user: &str, purpose: Purpose, now: u64) -> Result<Grant, Refusal> {
        let authority = Authority::ChannelKey { certificate: self.certificate.clone() };
        let credential = Credential::ChannelKey { key: self.key.as_str().into() };
        authority.check(Claim { app: &self.app, room: channel, user }, Some(&credential), purpose, UnixSeconds(now))
    }
}

const ISSUED: u64 = 1_700_000_000;
const ALL_PURPOSES: [Purpose; 4] = [Purpose::Join, Purpose::Rejoin, Purpose::Renew, Purpose::SwitchRole];

// R-039 R-040
#[test]
fn a_signature_is_good_until_its_expiry_and_for_less_than_12_hours() {
    let signed = Signed::until(1_700_043_200);
    assert_eq!(signed.check_at(UnixSeconds(1_700_000_000)), Err(Refusal::TooLong));
    let granted = Ok(Grant { until: Some(UnixSeconds(1_700_043_200)) });
    assert_eq!(signed.check_at(UnixSeconds(1_700_000_001)), granted);
    assert_eq!(signed.check_at(UnixSeconds(1_700_043_200)), granted);
    assert_eq!(signed.check_at(UnixSeconds(1_700_043_201)), Err(Refusal::Expired));
    assert_eq!(Signed::until(u64::MAX).check_at(NOW), Err(Refusal::TooLong));
    assert_eq!(Signed::until(u64::MAX).check_at(UnixSeconds(u64::MAX)), Err(Refusal::TooLong), "no date is 12 h before the end of dates");
}

// R-037 R-038 R-056
#[test]
fn what_has_no_signatures_form_is_refused_before_the_code_is_looked_at() {
    let signed = Signed::until(1_700_007_200);
    let verify = |claim, signature: &str, ctime: &str| signature::verify(&signed.key, claim, signature, ctime, NOW);
    let over_long = "0".repeat(limits::SIGNATURE_BYTES + 1);
    for (signature, ctime) in [(over_long.as_str(), signed.ctime.as_str()), ("", &signed.ctime)] {
        assert_eq!(verify(signed.claim(), signature, ctime), Err(Refusal::Malformed));
    }
    for ctime in ["", "01700007200", "+1700007200", " 1700007200", "1700007200.0", "-1", "99999999999999999999999"] {
        let genuine = signature::sign(&signed.key, APP, "stage", "ada", ctime);
        assert_eq!(verify(signed.claim(), &genuine, ctime), Err(Refusal::Malformed), "{ctime:?}");
    }
    let long = "r".repeat(65);
    for (room, user) in
        [("", "ada"), ("stage", ""), ("a+b", "c"), ("a", "b+c"), (long.as_str(), "ada"), ("stage", &long), ("stage", "用户")]
    {
        let genuine = signature::sign(&signed.key, APP, room, user, &signed.ctime);
        assert_eq!(verify(Claim { room, user, ..signed.claim() }, &genuine, &signed.ctime), Err(Refusal::Malformed), "{room} {user}");
    }
    // Any other text may be shown as a signature, and is merely not the right one.
    for shown in ["0", &"0".repeat(64), &"g".repeat(64), &"0".repeat(limits::SIGNATURE_BYTES)] {
        assert_eq!(verify(signed.claim(), shown, &signed.ctime), Err(Refusal::Invalid));
    }
}

#[test]
fn a_signature_in_upper_case_is_invalid() {
    let signed = Signed::until(1_700_007_200);
    let upper = signed.signature.to_ascii_uppercase();
    assert_ne!(upper, signed.signature);
    assert_eq!(signature::verify(&signed.key, signed.claim(), &upper, &signed.ctime, NOW), Err(Refusal::Invalid));
}

// R-041
#[test]
fn a_forger_learns_nothing_about_dates() {
    for ctime in [0, ISSUED - 1, ISSUED + 7_200, ISSUED + 43_200] {
        let forged = Signed { signature: "0".repeat(64), ..Signed::until(ctime) };
        assert_eq!(forged.check_at(NOW), Err(Refusal::Invalid), "{ctime}");
    }
}

// R-051
#[test]
fn a_channel_key_lets_its_holder_enter_for_five_minutes_and_come_back_for_a_day() {
    let keyed = Keyed::new(ISSUED, 0);
    for purpose in ALL_PURPOSES {
        assert_eq!(keyed.check(purpose, ISSUED + 300), Ok(Grant { until: None }), "{purpose:?}");
    }
    for purpose in [Purpose::Join, Purpose::Renew, Purpose::SwitchRole] {
        assert_eq!(keyed.check(purpose, ISSUED + 301), Err(Refusal::Expired), "{purpose:?}");
    }
    assert_eq!(keyed.check(Purpose::Rejoin, ISSUED + 86_400), Ok(Grant { until: None }));
    assert_eq!(keyed.check(Purpose::Rejoin, ISSUED + 86_401), Err(Refusal::Expired));
}

#[test]
fn a_channel_key_is_not_good_more_than_a_minute_before_its_issue() {
    let keyed = Keyed::new(ISSUED, 0);
    for purpose in ALL_PURPOSES {
        assert_eq!(keyed.check(purpose, ISSUED - 60), Ok(Grant { until: None }), "{purpose:?}");
        assert_eq!(keyed.check(purpose, ISSUED - 61), Err(Refusal::Invalid), "{purpose:?}");
    }
}

// R-052
#[test]
fn a_channel_key_grants_until_the_second_before_its_service_ends() {
    let keyed = Keyed::new(ISSUED, ISSUED + 100);
    let granted = Grant { until: Some(UnixSeconds(ISSUED + 99)) };
    for purpose in ALL_PURPOSES {
        assert_eq!(keyed.check(purpose, ISSUED + 99), Ok(granted), "{purpose:?}");
        assert_eq!(keyed.check(purpose, ISSUED + 100), Err(Refusal::Expired), "{purpose:?}");
    }
    // The grant and the timer agree on the second of removal.
    let times = ChannelKey::parse(&keyed.key).expect("it was just made").times();
    for now in [ISSUED + 99, ISSUED + 100] {
        let kicked = time_verdict(times, Moment::InChannel, UnixSeconds(now)) == Verdict::Kick;
        assert_eq!(granted.is_over(UnixSeconds(now)), kicked);
    }
    assert!(!Grant { until: None }.is_over(UnixSeconds(u64::MAX)));
}

// R-054 R-055
#[test]
fn a_channel_key_is_for_one_service_channel_and_user() {
    let keyed = Keyed::new(ISSUED, 0);
    for (channel, user) in [("1025", "42"), ("1024", "43"), ("1024", "0"), ("", "42")] {
        assert_eq!(keyed.check_as(channel, user, Purpose::Join, ISSUED), Err(Refusal::Invalid), "{channel} {user}");
    }
    for service in [Service::Recording, Service::PublicSharing] {
        assert_eq!(Keyed::with(service, "1024", 42, ISSUED, 0).check(Purpose::Join, ISSUED), Err(Refusal::Invalid), "{service:?}");
    }
    for user in ["ada", "", "042", "+42", "-42", "4294967296"] {
        assert_eq!(keyed.check_as("1024", user, Purpose::Join, ISSUED), Err(Refusal::Malformed), "{user}");
    }
    let for_zero = Keyed::with(Service::Media, "1024", 0, ISSUED, 0);
    assert_eq!(for_zero.check_as("1024", "0", Purpose::Join, ISSUED), Ok(Grant { until: None }));
    assert_eq!(for_zero.check(Purpose::Join, ISSUED), Err(Refusal::Invalid), "a key for the user 0 is not for everyone");
}

// R-054
#[test]
fn digits_cannot_wander_from_the_channel_into_the_uid() {
    let keyed = Keyed::with(Service::Media, "room0000000042", 42, ISSUED, 0);
    assert_eq!(keyed.check_as("room", "42", Purpose::Join, ISSUED), Err(Refusal::Invalid));
    assert_eq!(keyed.check_as("room0000000042", "42", Purpose::Join, ISSUED), Ok(Grant { until: None }));
}

// R-053
#[test]
fn a_channel_key_in_another_spelling_is_refused_and_told_where() {
    let good = Keyed::new(ISSUED, ISSUED + 3_600).key;
    let with = |at: usize, text: &str| format!("{}{text}{}", &good[..at], &good[at + text.len()..]);
    let upper = good[3..43].to_ascii_uppercase();
    assert_ne!(upper, good[3..43]);
    for (key, field, at) in [
        (with(0, "003"), "version", 0),
        (with(3, &upper), "signature", 3),
        (with(42, "g"), "signature", 3),
        (with(50, "+"), "app id", 43),
        (with(50, "é"), "app id", 43),
        (with(75, " "), "issue time", 75),
        (with(75, "4294967296"), "issue time", 75),
        (with(85, "ABCDEF00"), "random number", 85),
        (with(93, "+"), "end of service", 93),
        (with(93, "9999999999"), "end of service", 93),
    ] {
        match ChannelKey::parse(&key) {
            Err(ParseError::Field { field: found, at: place, .. }) => assert_eq!((found, place), (field, at), "{key}"),
            other => panic!("{key}: {other:?}"),
        }
    }
    // A character of several bytes across the border of two fields, in a text of the right length in bytes.
    let across = format!("{}é{}", &good[..74], &good[76..]);
    assert!(matches!(ChannelKey::parse(&across), Err(ParseError::Field { field: "app id", .. })));
    assert_eq!(ChannelKey::parse(""), Err(ParseError::Length { len: 0 }));
    assert_eq!(ParseError::Length { len: 102 }.to_string(), "a channel key has 103 bytes; this text has 102");
}

// R-054
#[test]
fn a_signature_of_an_earlier_version_is_none_of_version_004() {
    let (certificate, app_id) = (Secret::new(CERTIFICATE), app());
    let request = Request {
        version: Version::V003,
        service: Service::Media,
        app_id: &app_id,
        certificate: &certificate,
        channel: "1024",
        issued: NOW,
        random: 1,
        uid: Some(42),
        expires: Some(UnixSeconds(0)),
    };
    let third = channel_key::generate(&request).expect("the request is whole");
    let dressed_up = format!("004{}{APP}{:010}{:08x}{:010}", &third[3..43], NOW.0, 1, 0);
    let key = ChannelKey::parse(&dressed_up).expect("it has the form of version 004");
    assert_eq!(key.verify(&certificate, &app_id, "1024", 42, NOW), Err(Refusal::Invalid));
    assert_eq!(key.authenticate(&certificate, Service::InChannel(Upload::AudioVideo), &app_id, "1024", 42), Err(Refusal::Invalid));
}

#[test]
fn a_key_that_its_version_cannot_carry_is_not_made() {
    let (certificate, app_id) = (Secret::new(CERTIFICATE), app());
    let whole = Request {
        version: Version::V004,
        service: Service::Media,
        app_id: &app_id,
        certificate: &certificate,
        channel: "1024",
        issued: NOW,
        random: 1,
        uid: Some(42),
        expires: Some(UnixSeconds(0)),
    };
    let error = |request: Request<'_>| channel_key::generate(&request).expect_err("it cannot be made").to_string();
    let later = UnixSeconds(1 << 32);
    for version in [Version::V002, Version::V003, Version::V004, Version::V005] {
        let missing = |field| RequestError::Missing { version: version.as_str(), field };
        assert_eq!(channel_key::generate(&Request { version, uid: None, ..whole }), Err(missing("uid")));
        assert_eq!(channel_key::generate(&Request { version, expires: None, ..whole }), Err(missing("end of service")));
        assert!(error(Request { version, issued: later, ..whole }).ends_with("must be below 2^32"));
        assert!(error(Request { version, expires: Some(later), ..whole }).ends_with("must be below 2^32"));
    }
    let permission = Service::InChannel(Upload::Nothing);
    assert_eq!(error(Request { service: permission, ..whole }), "the service of a channel key of version 004 must be ACS, ARS or APSS");
    let long = AppId::new(&"a".repeat(33)).expect("app ids may be longer than those in keys");
    assert!(error(Request { app_id: &long, ..whole }).contains("at most 32"));
    assert!(error(Request { app_id: &long, version: Version::V005, ..whole }).contains("32 hexadecimal digits"));
    let short = Secret::new(b"5cfd");
    assert!(error(Request { certificate: &short, version: Version::V005, ..whole }).contains("App Certificate"));
    let channel = "c".repeat(65);
    assert!(error(Request { channel: &channel, version: Version::V005, ..whole }).contains("64 bytes"));
}

// R-048
#[test]
fn an_open_app_looks_at_nothing() {
    let app = app();
    let claim = Claim { app: &app, room: "stage", user: "ada" };
    assert_eq!(Authority::Open.check(claim, None, Purpose::Join, NOW), Ok(Grant { until: None }));
    let nonsense = Credential::ChannelKey { key: "".into() };
    assert_eq!(Authority::Open.check(claim, Some(&nonsense), Purpose::Join, NOW), Ok(Grant { until: None }));
}

// R-048
#[test]
fn an_app_that_nobody_knows_is_refused_whatever_is_shown() {
    let signed = Signed::until(1_700_007_200);
    let keyed = Credential::ChannelKey { key: Keyed::new(ISSUED, 0).key.into() };
    for shown in [None, Some(&signed.credential()), Some(&keyed)] {
        assert_eq!(check_unknown_app(signed.claim(), shown, Purpose::Join, NOW), Refusal::UnknownApp);
    }
    // Not even what somebody made with the key of zeros that the check spends its time with.
    let signature = signature::sign(&Secret::new(&[0; 32]), APP, "stage", "ada", "1700007200");
    let credential = Credential::Signature { signature: signature.into(), ctime: "1700007200".into() };
    assert_eq!(check_unknown_app(signed.claim(), Some(&credential), Purpose::Join, NOW), Refusal::UnknownApp);
    let other = Authority::ChannelKey { certificate: Secret::new(&[0; 32]) };
    assert_eq!(other.check(signed.claim(), Some(&credential), Purpose::Join, NOW), Err(Refusal::Malformed));
}

#[test]
fn nothing_shown_or_the_other_familys_credential_is_refused() {
    let signed = Signed::until(1_700_007_200);
    let keyed = Keyed::new(ISSUED, 0);
    let key_authority = Authority::ChannelKey { certificate: keyed.certificate.clone() };
    let key = Credential::ChannelKey { key: keyed.key.into() };
    assert_eq!(signed.authority().check(signed.claim(), None, Purpose::Join, NOW), Err(Refusal::Missing));
    assert_eq!(key_authority.check(signed.claim(), None, Purpose::Join, NOW), Err(Refusal::Missing));
    assert_eq!(signed.authority().check(signed.claim(), Some(&key), Purpose::Join, NOW), Err(Refusal::Malformed));
    assert_eq!(key_authority.check(signed.claim(), Some(&signed.credential()), Purpose::Join, NOW), Err(Refusal::Malformed));
}

#[test]
fn a_credential_may_be_shown_again_and_by_its_user_alone() {
    let signed = Signed::until(1_700_007_200);
    assert_eq!(signed.check_at(NOW), signed.check_at(NOW));
    assert!(signed.check_at(NOW).is_ok(), "a page that reloads shows it again");
    let other = AppId::new("another").expect("a valid app id");
    for claim in
        [Claim { user: "bob", ..signed.claim() }, Claim { room: "backstage", ..signed.claim() }, Claim { app: &other, ..signed.claim() }]
    {
        assert_eq!(signed.authority().check(claim, Some(&signed.credential()), Purpose::Join, NOW), Err(Refusal::Invalid), "{claim:?}");
    }
}

// R-045 R-046
#[test]
fn a_renewal_prolongs_a_stay_and_never_shortens_it() {
    let until = |second| Grant { until: Some(UnixSeconds(second)) };
    let endless = Grant { until: None };
    assert_eq!(until(10).renewed_by(until(11)), Ok(until(11)));
    assert_eq!(until(10).renewed_by(until(10)), Ok(until(10)), "a repeated request is answered alike");
    assert_eq!(until(10).renewed_by(until(9)), Err(Refusal::Earlier));
    assert_eq!(until(10).renewed_by(endless), Ok(endless));
    assert_eq!(endless.renewed_by(endless), Ok(endless));
    assert_eq!(endless.renewed_by(until(u64::MAX)), Err(Refusal::Earlier));
}

// R-257
#[test]
fn nothing_that_is_printed_shows_a_secret() {
    let (signed, keyed) = (Signed::until(1_700_007_200), Keyed::new(ISSUED, 0));
    let key = ChannelKey::parse(&keyed.key).expect("it was just made");
    let request = Request {
        version: Version::V004,
        service: Service::Media,
        app_id: &keyed.app,
        certificate: &keyed.certificate,
        channel: "1024",
        issued: NOW,
        random: 1,
        uid: Some(42),
        expires: Some(UnixSeconds(0)),
    };
    let credential = Credential::ChannelKey { key: keyed.key.as_str().into() };
    let mut spoiled = keyed.key.clone();
    spoiled.replace_range(0..1, "9");
    let misspelt = ChannelKey::parse(&spoiled).expect_err("no version begins with 9");
    let not_json = serde_json::from_str::<Credential>(&format!("{{\"channel_key\":{{\"key\":\"{}\"}}}}", keyed.key.repeat(5)));
    let unread = not_json.expect_err("it is too long");
    // One that stands where an object is expected is not read as the name of a variant and quoted.
    let bare = serde_json::from_str::<Credential>(&format!("\"{}\"", keyed.key)).expect_err("a text is none");
    let printed = [
        format!("{:?}", signed.key),
        format!("{:?} {:#?}", signed.credential(), signed.credential()),
        format!("{:?} {:?}", signed.authority(), Authority::ChannelKey { certificate: keyed.certificate.clone() }),
        format!("{credential:?}"),
        format!("{key:?} {key:#?}"),
        format!("{request:?}"),
        format!("{misspelt:?} {misspelt} {unread:?} {unread} {bare:?} {bare}"),
    ];
    let certificate = core::str::from_utf8(CERTIFICATE).expect("it is text");
    for text in &printed {
        for secret in ["an app key", certificate, &signed.signature, &keyed.key[3..43], "12345678", "305419896"] {
            assert!(!text.contains(secret), "{secret} stands in {text}");
        }
    }
    assert_eq!(printed[1], "Signature(..) Signature(..)");
    assert!(printed[4].starts_with("ChannelKey { app_id: \"970ca35de60c44645bbae8a215061b33\", issued: 1700000000, expires: 0, .. }"));
}

// R-037
#[test]
fn a_credential_is_small_json_and_read_within_bounds() {
    let credential = Signed::until(1_700_007_200).credential();
    let json = serde_json::to_string(&credential).expect("it is text");
    assert!(json.starts_with("{\"signature\":{\"signature\":\"") && json.ends_with("\",\"ctime\":\"1700007200\"}}"));
    assert_eq!(serde_json::from_str::<Credential>(&json).expect("it was just written"), credential);
    let json = |field: &str, len: usize| match field {
        "signature" => format!(r#"{{"signature":{{"signature":"{}","ctime":"1"}}}}"#, "0".repeat(len)),
        "ctime" => format!(r#"{{"signature":{{"signature":"0","ctime":"{}"}}}}"#, "0".repeat(len)),
        _ => format!(r#"{{"channel_key":{{"key":"{}"}}}}"#, "0".repeat(len)),
    };
    for (field, longest) in [("signature", limits::SIGNATURE_BYTES), ("ctime", limits::CTIME_BYTES), ("key", limits::CHANNEL_KEY_BYTES)] {
        assert!(serde_json::from_str::<Credential>(&json(field, longest)).is_ok(), "{field}");
        let error = serde_json::from_str::<Credential>(&json(field, longest + 1)).expect_err("one byte too long").to_string();
        assert!(error.contains(&format!("at most {longest} bytes")), "{error}");
    }
}

#[test]
fn equal_secrets_hash_alike() {
    let hash = |secret: &Secret| {
        let mut hasher = DefaultHasher::new();
        secret.hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&Secret::new(b"one")), hash(&Secret::new(b"one")));
    assert_ne!(hash(&Secret::new(b"one")), hash(&Secret::new(b"two")));
}

/// An identifier that SparkRTC allows.
fn id() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(b"abcXYZ019-_".as_slice()), 1..=64)
        .prop_map(|bytes| String::from_utf8(bytes).expect("ASCII"))
}

/// What somebody may show: any text, or one that looks right.
fn shown() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,120}",
        "[0-9a-f]{64}",
        "004[0-9a-f]{40}[0-9a-z]{32}[0-9]{10}[0-9a-f]{8}[0-9]{10}",
        proptest::collection::vec(any::<u8>(), 0..=600).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

/// `text` with the digit at `at` made another digit.
fn with_another_digit(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at % bytes.len();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    String::from_utf8(bytes).expect("one ASCII digit replaced another")
}

proptest! {
    // R-035 R-039 R-040 R-041
    #[test]
    fn what_was_signed_is_accepted_and_nothing_else_is(
        key in proptest::collection::vec(any::<u8>(), 0..=150), room in id(), user in id(), other in id(), ahead in 0..43_200_u64, at in 0..64_usize,
    ) {
        let (key, app) = (Secret::new(&key), app());
        let ctime = (NOW.0 + ahead).to_string();
        let signed = signature::sign(&key, APP, &room, &user, &ctime);
        let claim = Claim { app: &app, room: &room, user: &user };
        prop_assert_eq!(signature::verify(&key, claim, &signed, &ctime, NOW), Ok(Grant { until: Some(UnixSeconds(NOW.0 + ahead)) }));

        let verify = |key: &Secret, claim, signed: &str, ctime: &str| signature::verify(key, claim, signed, ctime, NOW);
        prop_assert_eq!(verify(&key, claim, &with_another_digit(&signed, at), &ctime), Err(Refusal::Invalid));
        prop_assert_eq!(verify(&key, claim, &signed, &(NOW.0 + ahead + 1).to_string()), Err(Refusal::Invalid));
        prop_assert_eq!(verify(&Secret::new(b"another key"), claim, &signed, &ctime), Err(Refusal::Invalid));
        let app = AppId::new("another").expect("a valid app id");
        prop_assert_eq!(verify(&key, Claim { app: &app, ..claim }, &signed, &ctime), Err(Refusal::Invalid));
        if other != room {
            prop_assert_eq!(verify(&key, Claim { room: &other, ..claim }, &signed, &ctime), Err(Refusal::Invalid));
        }
        if other != user {
            prop_assert_eq!(verify(&key, Claim { user: &other, ..claim }, &signed, &ctime), Err(Refusal::Invalid));
        }
    }

    // R-036
    #[test]
    fn no_two_lists_of_valid_fields_make_one_signature(
        room in id(), user in id(), other_room in id(), other_user in id(),
    ) {
        let key = Secret::new(b"an app key");
        let same = signature::sign(&key, APP, &room, &user, "1") == signature::sign(&key, APP, &other_room, &other_user, "1");
        prop_assert_eq!(same, room == other_room && user == other_user);
        let shifted = signature::sign(&key, APP, &format!("{room}+{user}"), "x", "1");
        prop_assert_eq!(&shifted, &signature::sign(&key, APP, &room, &format!("{user}+x"), "1"), "which is why no field may hold a plus sign");
        let (shifted_room, shifted_user) = (format!("{room}+{user}"), format!("{user}+x"));
        prop_assert!(!signature::ids_valid(APP, &shifted_room, "x") && !signature::ids_valid(APP, &room, &shifted_user));
    }

    // R-050 R-053 R-054
    #[test]
    fn a_generated_key_is_accepted_and_no_other_is(
        channel in "[ -~]{1,64}", uid: u32, issued in 100..=u32::MAX - 400, random: u32, at in 0..103_usize, early in 0..=60_u64, late in 0..=300_u64,
    ) {
        let (certificate, app_id) = (Secret::new(CERTIFICATE), app());
        let issued = UnixSeconds(u64::from(issued));
        let request = Request {
            version: Version::V004, service: Service::Media, app_id: &app_id, certificate: &certificate, channel: &channel, issued, random,
            uid: Some(uid), expires: Some(UnixSeconds(0)),
        };
        let text = channel_key::generate(&request).expect("the request is whole");
        prop_assert_eq!(text.len(), channel_key::LENGTH);
        let key = ChannelKey::parse(&text).expect("it was just made");
        prop_assert_eq!(key.times(), Times { issued, expires: UnixSeconds(0) });
        prop_assert_eq!(key.app_id(), &app_id);
        for now in [issued.0 - early, issued.0 + late] {
            prop_assert_eq!(key.verify(&certificate, &app_id, &channel, uid, UnixSeconds(now)), Ok(Grant { until: None }));
        }
        prop_assert_eq!(key.verify(&certificate, &app_id, &channel, uid ^ 1, issued), Err(Refusal::Invalid));
        prop_assert_eq!(key.verify(&certificate, &app_id, &format!("{channel}0"), uid, issued), Err(Refusal::Invalid));
        prop_assert_eq!(key.verify(&Secret::new(b"another"), &app_id, &channel, uid, issued), Err(Refusal::Invalid));

        let changed = ChannelKey::parse(&with_another_digit(&text, at)).map_err(Refusal::from);
        let refusal = changed.and_then(|key| key.authenticate(&certificate, Service::Media, &app_id, &channel, uid)).expect_err("a digit is wrong");
        prop_assert!(matches!(refusal, Refusal::Malformed | Refusal::Invalid | Refusal::UnknownApp));
    }

    // R-050
    #[test]
    fn what_is_parsed_is_spelt_in_one_way(text in shown()) {
        if let Ok(key) = ChannelKey::parse(&text) {
            let Times { issued, expires } = key.times();
            prop_assert_eq!(&text[43..75], key.app_id().as_str());
            prop_assert_eq!(&text[75..85], format!("{issued:010}"));
            prop_assert_eq!(&text[93..], format!("{expires:010}"));
        }
    }

    #[test]
    fn whatever_is_shown_is_refused_without_a_panic(
        first in shown(), second in shown(), room in ".{0,70}", user in ".{0,70}", now: u64, purpose in proptest::sample::select(ALL_PURPOSES.as_slice()),
    ) {
        let app = app();
        let claim = Claim { app: &app, room: &room, user: &user };
        let authorities = [Authority::Signature { key: Secret::new(b"an app key") }, Authority::ChannelKey { certificate: Secret::new(CERTIFICATE) }];
        let signature = Credential::Signature { signature: first.as_str().into(), ctime: second.as_str().into() };
        let dated = Credential::Signature { signature: first.as_str().into(), ctime: now.to_string().into() };
        let key = Credential::ChannelKey { key: first.as_str().into() };
        for authority in &authorities {
            for credential in [&signature, &dated, &key] {
                prop_assert!(authority.check(claim, Some(credential), purpose, UnixSeconds(now)).is_err());
            }
        }
        let _ = serde_json::from_str::<Credential>(&first);
        let _ = (signature::sign(&Secret::new(second.as_bytes()), &first, &room, &user, &second), channel_key::channel_valid(&first));
    }

    // R-051 R-052
    #[test]
    fn a_key_once_expired_stays_so(service in proptest::option::of(0..100_000_u64), now in -400..100_000_i64, wait in 0..100_000_u64) {
        let times = Times { issued: NOW, expires: service.map_or(UnixSeconds(0), |span| UnixSeconds(NOW.0 + span)) };
        let now = UnixSeconds(NOW.0.saturating_add_signed(now));
        let later = UnixSeconds(now.0 + wait);
        for moment in [Moment::Join, Moment::RejoinAfterDrop, Moment::Resume, Moment::Renew] {
            prop_assert!(time_verdict(times, moment, now) != Verdict::Expired || time_verdict(times, moment, later) == Verdict::Expired);
            // Whoever may enter may stay, and whoever may enter may come back.
            if time_verdict(times, moment, now) == Verdict::Accept {
                prop_assert_eq!(time_verdict(times, Moment::InChannel, now), Verdict::Stay);
                prop_assert_eq!(time_verdict(times, Moment::Resume, now), Verdict::Accept);
            }
        }
        prop_assert!(time_verdict(times, Moment::InChannel, now) != Verdict::Kick || time_verdict(times, Moment::InChannel, later) == Verdict::Kick);
    }
}
