//! What a vendor's profile holds.

use greenroom_core::{
    code::vendor::Vendor,
    profile::{Bitrate, VideoProfile, agora, sparkrtc},
};

use super::{Answer, CaseError, field::Fields};

/// Of what a profile is.
#[derive(Clone, Copy, Debug)]
enum Device {
    Camera,
    Screen,
    Audio,
}

/// `vendor`, `profile_kind`, `name` or `enum_value` → its numbers. SparkRTC takes its default for a name that it does not know, and the answer says so; Agora has no such name.
pub(super) fn profile(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let vendor = fields.word("vendor", "sparkrtc or agora", Vendor::named)?;
    match vendor {
        Vendor::SparkRtc => {
            let device = fields.word("profile_kind", "camera, screen or audio", |name| match name {
                "camera" => Some(Device::Camera),
                "screen" => Some(Device::Screen),
                "audio" => Some(Device::Audio),
                _ => None,
            })?;
            let name = fields.text("name")?;
            Ok(match device {
                Device::Camera => with_fallback(video(sparkrtc::camera(name)), sparkrtc::camera(name).name, name),
                Device::Screen => with_fallback(video(sparkrtc::screen(name)), sparkrtc::screen(name).name, name),
                Device::Audio => {
                    let profile = sparkrtc::audio(name);
                    let answer = Answer::default().with("name", profile.name).with("sample_rate_hz", profile.sample_rate_hz);
                    with_fallback(answer.with("channels", profile.channels).with("bps", profile.bps), profile.name, name)
                }
            })
        }
        Vendor::Agora => {
            fields.word("profile_kind", "camera: there are no others", |name| (name == "camera").then_some(()))?;
            let profile = agora_camera(fields)?;
            let beyond = profile.is_beyond_recommendation();
            let profile = if fields.flag("swap_width_and_height")? { profile.swapped() } else { profile };
            Ok(video(profile).with("beyond_recommendation", beyond))
        }
    }
}

fn agora_camera(fields: Fields<'_>) -> Result<VideoProfile, CaseError> {
    let named = fields.get("name").map(|_| fields.word("name", "one of the 26 names, for example \"480P_4\"", agora::named)).transpose()?;
    let number = fields.integer_if_any("enum_value")?;
    let numbered =
        number.map(|number| agora::numbered(number).ok_or_else(|| fields.wrong("enum_value", "one of the 26 numbers, for example 43")));
    match (named, numbered.transpose()?) {
        (Some(named), Some(numbered)) if named != numbered => Err(CaseError::Together(format!(
            "name and enum_value: found {:?} and that of {:?}, expected the same",
            named.name, numbered.name
        ))),
        (Some(profile), _) | (None, Some(profile)) => Ok(profile),
        (None, None) => Err(fields.wrong("name", "a name, or a number in enum_value")),
    }
}

fn video(profile: VideoProfile) -> Answer {
    let VideoProfile { name, number, width_px, height_px, fps, bitrate } = profile;
    let answer = Answer::default().with("name", name);
    let answer = if let Some(number) = number { answer.with("enum_value", number) } else { answer };
    let answer = answer.with("width", width_px).with("height", height_px).with("fps", fps);
    match bitrate {
        Bitrate::Between { min_bps, max_bps } => answer.with("min_bps", min_bps).with("max_bps", max_bps),
        Bitrate::Single { bps } => answer.with("bps", bps),
        Bitrate::NotSaid => answer,
    }
}

/// Says whether the default took the place of what was asked for.
fn with_fallback(answer: Answer, given: &str, asked: &str) -> Answer {
    answer.with("fallback", given != asked)
}
