//! The platform input `statistics`, read field by field: counts as `getStats` has them, in JavaScript's names and units.

use alloc::{string::String, vec::Vec};

use serde_json::Value;

use crate::{
    dialect::{
        StreamRef,
        sparkrtc::arguments::{Fields, Wrong},
        whole,
    },
    stats::{ContentType, Count, Fell, Reading},
    stream::TrackKind,
};

/// The platform input `statistics`: what the media plane has counted so far.
pub(in super::super) struct Report {
    pub(super) rtt_us: Option<u64>,
    pub(super) parts: Vec<PartReport>,
}

/// What it has counted of one part.
pub(super) struct PartReport {
    /// Where it stands.
    pub(super) at: String,
    pub(super) stream: StreamRef,
    pub(super) medium: TrackKind,
    pub(super) layer: Named,
    pub(super) reading: Reading,
}

/// Which layer is meant.
pub(super) enum Named {
    /// The highest.
    No,
    /// That of this resolution.
    Id(String),
    /// That of this name.
    Content(ContentType),
}

impl Report {
    pub(in super::super) fn read(args: &Value) -> Result<Self, Wrong> {
        let map = args.as_object().ok_or_else(|| Wrong { at: String::new(), expected: "an object" })?;
        let fields = Fields::of(map);
        fields.only(&["rttMs", "streams"], "rttMs or streams")?;
        let rtt_us = micros(&fields, "rttMs")?;
        let parts = if fields.get("streams").is_some() { fields.objects("streams")? } else { Vec::new() };
        Ok(Self { rtt_us, parts: parts.iter().map(PartReport::read).collect::<Result<_, _>>()? })
    }
}

impl PartReport {
    fn read(fields: &Fields<'_>) -> Result<Self, Wrong> {
        const OF_ALL: [&str; 5] = ["stream", "media", "ssrc", "packetsLost", "jitterMs"];
        const OF_VIDEO: [&str; 4] = ["resolutionId", "streamType", "frameWidth", "frameHeight"];
        let stream = fields.stream("stream")?;
        let medium = match fields.text("media")? {
            "audio" => TrackKind::Audio,
            "video" => TrackKind::Video,
            _ => return Err(fields.wrong("media", "\"audio\" or \"video\"")),
        };
        let (bytes, packets, frames_encoded, frames) = match stream {
            StreamRef::Local(_) => ("bytesSent", "packetsSent", Some("framesEncoded"), "framesSent"),
            StreamRef::Remote { .. } => ("bytesReceived", "packetsReceived", None, "framesDecoded"),
        };
        let mut known: Vec<&str> = [&OF_ALL[..], &[bytes, packets]].concat();
        if medium == TrackKind::Video {
            known.extend(OF_VIDEO.into_iter().chain(frames_encoded).chain([frames]));
        }
        fields.only(&known, "a field that such a part has")?;
        let layer = match (fields.text_or_none("resolutionId")?, fields.text_or_none("streamType")?) {
            (None, None) => Named::No,
            (Some(id), None) => Named::Id(id.into()),
            (None, Some(word)) => {
                let content = ContentType::parse(word);
                Named::Content(content.ok_or_else(|| fields.wrong("streamType", "main, middle1 to middle4, slides or desktop"))?)
            }
            (Some(_), Some(_)) => return Err(fields.wrong("streamType", "nothing beside resolutionId")),
        };
        let reading = Reading {
            source: count(fields, "ssrc")?.map(u32::try_from).transpose().map_err(|_| fields.wrong("ssrc", "a number of 32 bits"))?,
            bytes: count(fields, bytes)?.ok_or_else(|| fields.wrong(bytes, COUNT))?,
            packets: count(fields, packets)?.ok_or_else(|| fields.wrong(packets, COUNT))?,
            packets_lost: lost(fields)?,
            frames_encoded: frames_encoded.map_or(Ok(None), |name| count(fields, name))?,
            frames: count(fields, frames)?,
            size_px: size(fields)?,
            jitter_us: micros(fields, "jitterMs")?,
        };
        Ok(Self { at: fields.place(), stream, medium, layer, reading })
    }

    /// Where a count stands that fell, and what would have done.
    pub(super) fn fell(&self, fell: Fell) -> Wrong {
        let field = match (fell.count, &self.stream) {
            (Count::Bytes, StreamRef::Local(_)) => "bytesSent",
            (Count::Bytes, StreamRef::Remote { .. }) => "bytesReceived",
            (Count::Packets, StreamRef::Local(_)) => "packetsSent",
            (Count::Packets, StreamRef::Remote { .. }) => "packetsReceived",
            (Count::FramesEncoded, _) => "framesEncoded",
            (Count::Frames, StreamRef::Local(_)) => "framesSent",
            (Count::Frames, StreamRef::Remote { .. }) => "framesDecoded",
        };
        Wrong { at: alloc::format!("{}.{field}", self.at), expected: "a count that does not fall, or another ssrc" }
    }
}

const COUNT: &str = "a whole number, not below 0";

fn count(fields: &Fields<'_>, name: &str) -> Result<Option<u64>, Wrong> {
    fields.get(name).map(|value| whole(value).ok_or_else(|| fields.wrong(name, COUNT))).transpose()
}

/// Lost packets: a whole number, and below zero where more came twice than went missing (RFC 3550, appendix A.3).
fn lost(fields: &Fields<'_>) -> Result<Option<i64>, Wrong> {
    let read = |value: &Value| {
        value.as_i64().or_else(|| {
            let number = value.as_f64()?;
            let size = i64::try_from(whole(&Value::from(number.abs()))?).ok()?;
            Some(if number < 0.0 { -size } else { size })
        })
    };
    fields.get("packetsLost").map(|value| read(value).ok_or_else(|| fields.wrong("packetsLost", "a whole number"))).transpose()
}

fn size(fields: &Fields<'_>) -> Result<Option<(u16, u16)>, Wrong> {
    let side = |name| count(fields, name)?.map(u16::try_from).transpose().map_err(|_| fields.wrong(name, "at most 65535"));
    match (side("frameWidth")?, side("frameHeight")?) {
        (None, None) => Ok(None),
        (Some(width), Some(height)) => Ok(Some((width, height))),
        (None, Some(_)) => Err(fields.wrong("frameWidth", "both sides or none")),
        (Some(_), None) => Err(fields.wrong("frameHeight", "both sides or none")),
    }
}

/// Milliseconds, which may have a fraction, in microseconds.
fn micros(fields: &Fields<'_>, name: &str) -> Result<Option<u64>, Wrong> {
    /// An hour: whatever takes longer is no delay but an end.
    const MAX_MS: f64 = 3_600_000.0;
    let Some(value) = fields.get(name) else { return Ok(None) };
    let millis = value.as_f64().filter(|millis| (0.0..=MAX_MS).contains(millis));
    let millis = millis.ok_or_else(|| fields.wrong(name, "milliseconds, from 0 to an hour"))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 3.6e9, and a fraction of a microsecond is to go"
    )]
    Ok(Some((millis * 1000.0 + 0.5) as u64))
}
