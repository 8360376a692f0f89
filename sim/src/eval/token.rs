//! Signing and checking credentials. What the core refuses is answered with the vendor's code.

use greenroom_core::{
    auth::{
        ChannelKey, Claim, Grant, Refusal, Secret,
        channel_key::{self, Moment, Request, Service, Times, Verdict, Version},
        signature,
    },
    code::{
        agora, sparkrtc,
        vendor::{Value as CodeValue, VendorCode},
    },
    id::AppId,
    time::UnixSeconds,
};
use serde_json::Value;

use super::{Answer, CaseError, field::Fields};

/// `app_key`, `app_id`, `room_id`, `user_id`, `ctime` → `signature`, and whether the names are such that it can be accepted.
pub(super) fn huawei_sign(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let key = Secret::new(fields.secret("app_key")?.as_bytes());
    let (app, room, user) = (fields.text("app_id")?, fields.text("room_id")?, fields.text("user_id")?);
    let ctime = fields.text_or_integer("ctime")?;
    let signed = signature::sign(&key, app, room, user, &ctime);
    Ok(Answer::default().with("signature", signed).with("ids_valid", signature::ids_valid(app, room, user)))
}

/// The same, with `now_s` and `signature` → `expected`, `error_code`.
pub(super) fn huawei_verify(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let key = Secret::new(fields.secret("app_key")?.as_bytes());
    let (app, room, user) = (app_id(fields)?, fields.text("room_id")?, fields.text("user_id")?);
    let ctime = fields.text_or_integer("ctime")?;
    let shown = fields.secret("signature")?;
    let checked = signature::verify(&key, Claim { app: &app, room, user }, shown, &ctime, seconds(fields, "now_s")?);
    Ok(verdict(checked, sparkrtc::client::SIGNATURE_EXPIRED, sparkrtc::client::SIGNATURE_INVALID, sparkrtc::client::SIGNATURE_INVALID))
}

/// `version`, `service`, `app_id`, `app_certificate`, `channel`, `unix_ts`, `random`, `uid`, `expired_ts` → `key`.
pub(super) fn agora_key(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let version = fields.word("version", "a text from \"001\" to \"005\"", Version::parse)?;
    let services = "ACS, ARS or APSS; for version 005 media, recording, public_sharing, in_channel_permission 0 or in_channel_permission 3";
    let service = match fields.get("service") {
        None => Service::default(),
        Some(_) => fields.word("service", services, Service::parse)?,
    };
    let (app_id, certificate) = (app_id(fields)?, Secret::new(fields.secret("app_certificate")?.as_bytes()));
    let request = Request {
        version,
        service,
        app_id: &app_id,
        certificate: &certificate,
        channel: fields.text("channel")?,
        issued: UnixSeconds(fields.integer::<u32>("unix_ts")?.into()),
        random: fields.integer("random")?,
        uid: fields.integer_if_any("uid")?,
        expires: fields.integer_if_any::<u32>("expired_ts")?.map(|seconds| UnixSeconds(seconds.into())),
    };
    channel_key::generate(&request).map(|key| Answer::default().with("key", key)).map_err(|error| CaseError::Together(error.to_string()))
}

/// `key`, `app_id`, `app_certificate`, `channel`, `uid`, `now_s` → `expected`, `error_code`.
pub(super) fn agora_parse_verify(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let (app, certificate) = (app_id(fields)?, Secret::new(fields.secret("app_certificate")?.as_bytes()));
    let (channel, uid, now) = (fields.text("channel")?, fields.integer("uid")?, seconds(fields, "now_s")?);
    let parsed = ChannelKey::parse(fields.secret("key")?).map_err(Refusal::from);
    let checked = parsed.and_then(|key| key.verify(&certificate, &app, channel, uid, now));
    Ok(verdict(checked, agora::error::CHANNEL_KEY_EXPIRED, agora::error::INVALID_CHANNEL_KEY, agora::error::INVALID_APP_ID))
}

/// `unix_ts`, `expired_ts`, `now_s`, `event` → `expected`, `error_code`: the dates of a key alone.
pub(super) fn agora_time(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let moments = "join, rejoin_after_drop, resume, renew, in_channel or in_channel_timer";
    let moment = fields.word("event", moments, Moment::parse)?;
    let times = Times { issued: seconds(fields, "unix_ts")?, expires: seconds(fields, "expired_ts")? };
    let verdict = channel_key::time_verdict(times, moment, seconds(fields, "now_s")?);
    let error = match verdict {
        Verdict::Accept | Verdict::Stay => None,
        Verdict::Expired | Verdict::Kick => Some(agora::error::CHANNEL_KEY_EXPIRED),
        Verdict::Invalid => Some(agora::error::INVALID_CHANNEL_KEY),
    };
    Ok(Answer::default().with("expected", verdict.as_str()).with("error_code", error.map_or(Value::Null, number)))
}

/// What a check came to, as a word and as the vendor's code for it.
fn verdict(checked: Result<Grant, Refusal>, expired: VendorCode<'_>, invalid: VendorCode<'_>, unknown_app: VendorCode<'_>) -> Answer {
    let (word, code) = match checked {
        Ok(_) => ("accept", None),
        Err(Refusal::Expired) => ("expired", Some(expired)),
        Err(Refusal::UnknownApp) => ("invalid_app_id", Some(unknown_app)),
        // Every other reason, those of later versions included, is no reason to let anybody in.
        Err(_) => ("invalid", Some(invalid)),
    };
    Answer::default().with("expected", word).with("error_code", code.map_or(Value::Null, number))
}

fn number(code: VendorCode<'_>) -> Value {
    match code.value {
        CodeValue::Number(number) => number.into(),
        CodeValue::Text(text) => text.into(),
    }
}

fn app_id(fields: Fields<'_>) -> Result<AppId, CaseError> {
    AppId::new(fields.text("app_id")?).map_err(|error| fields.wrong("app_id", format!("an app id: {error}")))
}

fn seconds(fields: Fields<'_>, name: &'static str) -> Result<UnixSeconds, CaseError> {
    fields.integer(name).map(UnixSeconds)
}
