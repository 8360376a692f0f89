//! Statistics: what the platform has counted, and what is told of it.
//!
//! The platform reads its media plane now and then and says so ([`Report`]): for each part of a stream the counts of that part, as WebRTC's `getStats` and `str0m` have them. From two such
//! reports come rates ([`stats`](crate::stats)); calls and the event `rtc-stats` tell both in SparkRTC's words. Nothing is measured here, and what nobody has counted is left out, or
//! zero where the document has a number without fail.
//!
//! A part lives as long as its stream: from publishing to unpublishing here, from `stream-added` to `stream-removed` there. Subscribing again in between goes on with the count.

mod report;

use alloc::{collections::BTreeMap, string::ToString, vec::Vec};
use core::time::Duration;

use serde_json::{Map, Value, json};

pub(super) use self::report::Report;
use self::report::{Named, PartReport};
use super::{
    Caller, Client, Failure, LogLevel, Reply, Then,
    arguments::{Fields, Wrong},
    streams::{LocalStream, Published, Remote, track_word},
};
use crate::{
    code::sparkrtc::client,
    dialect::{StreamRef, VendorCall, whole},
    id::{Rid, StreamId, UserId, UserName},
    session,
    stats::{ContentType, Direction, Flow, PartStats, Rates},
    stream::{StreamKind, TrackKind},
    time::Instant,
    wire::Audience,
};

/// What is known of all media, while the client is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Statistics {
    /// To the edge and back, as it was read last.
    rtt_us: Option<u64>,
    /// Of the layer that `getTransportStats` is about.
    sent: Flow,
    /// Of everything.
    received: Flow,
    /// By stream; its own numbers and those of others never meet in one room.
    parts: BTreeMap<(StreamId, Part), PartStats>,
    beat: Option<Beat>,
}

/// A part of a stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Audio,
    /// The layer of that rid, which it keeps when others come and go.
    Video(Rid),
}

/// How often `rtc-stats` is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Beat {
    every: Duration,
    next: Instant,
}

/// What a native SDK hands to one of its callbacks: either side may be missing, and is an optional value then, never a pointer to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NativeStats<'a> {
    /// What is sent.
    pub local: Option<&'a PartStats>,
    /// What is received.
    pub remote: Option<&'a PartStats>,
}

/// The statistics callbacks of the native SDKs that the document names (1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NativeCallback {
    /// `onVideoStats`: of the camera.
    Video,
    /// `onAudioStatus`, as it is printed: of the microphone.
    Audio,
    /// `onAuxiliaryStreamStatsNotify`: of the share.
    AuxiliaryStream,
}

impl NativeCallback {
    /// The printed name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Video => "onVideoStats",
            Self::Audio => "onAudioStatus",
            Self::AuxiliaryStream => "onAuxiliaryStreamStatsNotify",
        }
    }

    const fn is_about(self, shown: &Shown<'_>) -> bool {
        match (self, shown.kind, shown.medium) {
            (Self::Video, StreamKind::Main, TrackKind::Video)
            | (Self::Audio, StreamKind::Main, TrackKind::Audio)
            | (Self::AuxiliaryStream, StreamKind::Aux, TrackKind::Video) => true,
            (
                Self::Video | Self::Audio | Self::AuxiliaryStream,
                StreamKind::Main | StreamKind::Aux,
                TrackKind::Audio | TrackKind::Video,
            ) => false,
        }
    }
}

/// A part as it is shown.
struct Shown<'a> {
    kind: StreamKind,
    medium: TrackKind,
    content: ContentType,
    key: (StreamId, Part),
    stats: Option<&'a PartStats>,
    /// Width and height, where the stream itself says.
    size_px: Option<(u16, u16)>,
}

impl Client {
    /// Whether a report can be taken: no count of it falls.
    pub(super) fn check_report(&self, report: &Report) -> Result<(), Wrong> {
        let mut parts: BTreeMap<(StreamId, Part), PartStats> = BTreeMap::new();
        for part in &report.parts {
            let Some((key, direction)) = self.place(part) else { continue };
            let known = || self.statistics.parts.get(&key).cloned().unwrap_or_else(|| PartStats::new(direction));
            let stats = parts.entry(key.clone()).or_insert_with(known);
            stats.read(self.now, &part.reading).map_err(|fell| part.fell(fell))?;
        }
        Ok(())
    }

    /// Takes in what the platform has counted.
    pub(super) fn reported(&mut self, report: Report) {
        self.forget_ended_parts();
        let now = self.now;
        self.statistics.rtt_us = report.rtt_us.or(self.statistics.rtt_us);
        let top = self.top_part();
        // What was not counted did not flow.
        self.statistics.sent.add(now, 0);
        self.statistics.received.add(now, 0);
        for part in report.parts {
            let Some((key, direction)) = self.place(&part) else {
                self.notice(LogLevel::Info, "statistics-ignored", json!({ "at": part.at }));
                continue;
            };
            let is_top = top.as_ref() == Some(&key);
            let stats = self.statistics.parts.entry(key).or_insert_with(|| PartStats::new(direction));
            // Nothing falls: the report was checked, and what has ended since begins anew.
            let Ok(more) = stats.read(now, &part.reading) else { continue };
            match direction {
                Direction::Received => self.statistics.received.add(now, more),
                Direction::Sent if is_top => self.statistics.sent.add(now, more),
                Direction::Sent => {}
            }
        }
    }

    /// Which part a report is about; none where it is not there, or not any more.
    fn place(&self, report: &PartReport) -> Option<((StreamId, Part), Direction)> {
        match &report.stream {
            StreamRef::Local(name) => {
                let local = self.streams.get(name)?;
                let Published::Yes { stream, .. } = local.published else { return None };
                let ladder: Vec<&Rid> = local.playing().into_iter().map(|resolution| &resolution.id).collect();
                let part = part(report, local.sources.kind, local.has(TrackKind::Audio), &ladder, ladder.len().checked_sub(1))?;
                Some(((stream, part), Direction::Sent))
            }
            StreamRef::Remote { user, kind } => {
                let remote = self.remotes.get(&(UserId::new(user).ok()?, *kind))?;
                let ladder: Vec<&Rid> = remote.info.offer.layers.iter().map(|layer| &layer.rid).collect();
                let wanted = remote.video.highest_of(ladder.len()).map(|layer| usize::from(layer.0));
                let highest = wanted.or_else(|| ladder.len().checked_sub(1));
                let part = part(report, *kind, remote.info.offer.audio_bps.is_some(), &ladder, highest)?;
                Some(((remote.info.id, part), Direction::Received))
            }
        }
    }

    /// What `getTransportStats` is about: the highest layer of the main stream; its sound where there is no video; the share where there is no main stream.
    fn top_part(&self) -> Option<(StreamId, Part)> {
        let mut parts = self.sent_parts();
        parts.sort_by_key(|part| (part.kind, part.medium == TrackKind::Audio, part.content));
        parts.into_iter().next().map(|part| part.key)
    }

    /// A stream that has ended has no statistics, and one of the same number never comes again.
    fn forget_ended_parts(&mut self) {
        let own = self.streams.values().filter_map(|local| match local.published {
            Published::Yes { stream, .. } => Some(stream),
            Published::Asked { .. } | Published::No => None,
        });
        let there: Vec<StreamId> = own.chain(self.remotes.values().map(|remote| remote.info.id)).collect();
        self.statistics.parts.retain(|(stream, _), _| there.contains(stream));
    }

    /// Every part that is published, main before shared, sound before pictures, the highest first.
    fn sent_parts(&self) -> Vec<Shown<'_>> {
        let mut locals: Vec<(StreamId, &LocalStream)> = self
            .streams
            .values()
            .filter_map(|local| match local.published {
                Published::Yes { stream, .. } => Some((stream, local)),
                Published::Asked { .. } | Published::No => None,
            })
            .collect();
        locals.sort_by_key(|(_, local)| local.sources.kind);
        let mut parts = Vec::new();
        for (stream, local) in locals {
            let kind = local.sources.kind;
            if local.has(TrackKind::Audio) {
                parts.push(self.shown(kind, TrackKind::Audio, 0, 1, (stream, Part::Audio), None));
            }
            let ladder = local.playing();
            for (below, resolution) in ladder.iter().rev().enumerate() {
                let size = (resolution.profile.width_px, resolution.profile.height_px);
                parts.push(self.shown(
                    kind,
                    TrackKind::Video,
                    below,
                    ladder.len(),
                    (stream, Part::Video(resolution.id.clone())),
                    Some(size),
                ));
            }
        }
        parts
    }

    /// Every part of a stream of somebody else's that is received: its sound, and the layers that are subscribed to or were counted.
    fn received_parts(&self, remote: &Remote) -> Vec<Shown<'_>> {
        let (kind, stream, layers) = (remote.info.offer.kind, remote.info.id, &remote.info.offer.layers);
        let mut parts = Vec::new();
        if remote.audio {
            parts.push(self.shown(kind, TrackKind::Audio, 0, 1, (stream, Part::Audio), None));
        }
        if remote.video.is_empty() {
            return parts;
        }
        let highest = remote.video.highest_of(layers.len()).map(|layer| usize::from(layer.0));
        for (at, layer) in layers.iter().enumerate().rev() {
            let named = remote.video.named().any(|named| usize::from(named.0) == at);
            let shown =
                self.shown(kind, TrackKind::Video, layers.len() - 1 - at, layers.len(), (stream, Part::Video(layer.rid.clone())), None);
            if named || highest == Some(at) || shown.stats.is_some() {
                parts.push(shown);
            }
        }
        parts
    }

    fn shown(
        &self,
        kind: StreamKind,
        medium: TrackKind,
        below: usize,
        layers: usize,
        key: (StreamId, Part),
        size_px: Option<(u16, u16)>,
    ) -> Shown<'_> {
        let stats = self.statistics.parts.get(&key);
        Shown { kind, medium, content: ContentType::of(kind, below, layers), key, stats, size_px }
    }

    /// What a callback of a native SDK would be handed: of the user's own stream, and of that other user's. A side of which nothing was counted yet is none.
    pub fn native_stats(&self, callback: NativeCallback, remote: Option<&UserId>) -> NativeStats<'_> {
        let first = |parts: Vec<Shown<'_>>| parts.into_iter().find(|part| callback.is_about(part)).map(|part| part.key);
        let kind = if callback == NativeCallback::AuxiliaryStream { StreamKind::Aux } else { StreamKind::Main };
        let remote = remote.and_then(|user| self.remotes.get(&(user.clone(), kind)));
        let stats = |key: Option<(StreamId, Part)>| self.statistics.parts.get(&key?);
        NativeStats { local: stats(first(self.sent_parts())), remote: stats(remote.and_then(|remote| first(self.received_parts(remote)))) }
    }
}

/// The part that a report names, of a stream with that ladder, lowest first. Where it names no layer, the highest is meant.
fn part(report: &PartReport, kind: StreamKind, has_audio: bool, ladder: &[&Rid], highest: Option<usize>) -> Option<Part> {
    if report.medium == TrackKind::Audio {
        return has_audio.then_some(Part::Audio);
    }
    let at = match &report.layer {
        Named::No => highest,
        Named::Id(id) => ladder.iter().position(|rid| rid.as_str() == id),
        Named::Content(content) => content.below(kind, ladder.len()).map(|below| ladder.len() - 1 - below),
    };
    ladder.get(at?).map(|rid| Part::Video((*rid).clone()))
}

impl Client {
    /// Of the top main layer. A player has none and may ask all the same, unless the client is strict (C-43).
    pub(super) fn get_transport_stats(&self) -> Result<Reply, Failure> {
        let publishes = self.streams.values().any(|local| matches!(local.published, Published::Yes { .. }));
        let plays = self.stay.as_ref().is_some_and(|stay| !stay.role.may_publish());
        if !publishes && (self.settings.strict || !plays) {
            return Err(client::INVALID_OPERATION.into());
        }
        let Statistics { sent, received, rtt_us, .. } = &self.statistics;
        let mut stats = json!({
            "bytesSent": sent.bytes(), "bytesReceived": received.bytes(),
            "sendBitrate": sent.kbps().unwrap_or(0), "recvBitrate": received.kbps().unwrap_or(0),
        });
        if let Some(us) = rtt_us {
            stats["rtt"] = quotient(*us, 1000);
        }
        Ok(Reply::Now(stats))
    }

    /// What is sent and nobody receives is not told: the server is asked who does. Without a publication, nobody can.
    pub(super) fn get_local_stats(&mut self, call: &VendorCall, medium: TrackKind) -> Reply {
        if self.sent_parts().is_empty() {
            return Reply::Now(json!({}));
        }
        self.ask(Some(Caller::of(call)), session::Call::Audience, Then::LocalStats { medium })
    }

    /// The audience is known: tells what it receives.
    pub(super) fn local_stats(&self, medium: TrackKind, audience: &[Audience]) -> Value {
        let Some(stay) = &self.stay else { return json!({}) };
        let heard = |part: &Shown<'_>| {
            let received = audience.iter().find(|received| received.stream == part.key.0);
            received.is_some_and(|received| if medium == TrackKind::Audio { received.audio } else { received.video })
        };
        let parts: Vec<Shown<'_>> = self.sent_parts().into_iter().filter(|part| part.medium == medium && heard(part)).collect();
        if parts.is_empty() {
            return json!({});
        }
        let of_user = match medium {
            TrackKind::Audio => {
                let (bytes, packets, _) = sums(&parts);
                json!({ "bytesSent": bytes, "packetsSent": packets })
            }
            TrackKind::Video => streams(&parts, |part| {
                let totals = part.totals();
                let mut entry = json!({
                    "bytesSent": totals.bytes, "packetsSent": totals.packets, "framesEncoded": totals.frames_encoded, "framesSent": totals.frames,
                });
                // What was captured is what was asked for, as long as nobody says otherwise.
                part.add_size(&mut entry, part.size_px);
                entry
            }),
        };
        Value::Object(Map::from_iter([(stay.user.as_str().to_string(), of_user)]))
    }

    /// By user, what is received.
    pub(super) fn get_remote_stats(&self, medium: TrackKind) -> Value {
        let mut users: BTreeMap<&UserId, Vec<Shown<'_>>> = BTreeMap::new();
        for ((user, _), remote) in &self.remotes {
            users.entry(user).or_default().extend(self.received_parts(remote).into_iter().filter(|part| part.medium == medium));
        }
        let told = users.into_iter().filter(|(_, parts)| !parts.is_empty()).map(|(user, parts)| {
            let of_user = match medium {
                TrackKind::Audio => {
                    let (bytes, packets, lost) = sums(&parts);
                    json!({ "bytesReceived": bytes, "packetsReceived": packets, "packetsLost": lost })
                }
                TrackKind::Video => streams(&parts, |part| {
                    let totals = part.totals();
                    let mut entry = json!({
                        "bytesReceived": totals.bytes, "packetsReceived": totals.packets, "packetsLost": totals.packets_lost,
                        "framesDecoded": totals.frames,
                    });
                    part.add_size(&mut entry, None);
                    entry
                }),
            };
            (user.as_str().to_string(), of_user)
        });
        Value::Object(told.collect())
    }

    pub(super) fn enable_rtc_stats(&mut self, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let enable = fields.get("enable").and_then(Value::as_bool).ok_or_else(|| fields.wrong("enable", "true or false"))?;
        if !enable {
            self.statistics.beat = None; // whatever the interval says
            return Ok(Reply::Now(Value::Null));
        }
        // No range is printed. What comes more often than every millisecond is told by no clock, and what never comes is disabled.
        let every = fields.get("interval").and_then(whole).filter(|every| *every > 0).map(Duration::from_millis);
        let every = every.ok_or_else(|| fields.wrong("interval", "whole milliseconds, 1 or more"))?;
        self.statistics.beat = Some(Beat { every, next: self.now.saturating_add(every) });
        Ok(Reply::Now(Value::Null))
    }

    /// When `rtc-stats` is due. It is told in a room alone.
    pub(super) fn next_beat(&self) -> Option<Instant> {
        self.stay.as_ref()?;
        self.statistics.beat.as_ref().map(|beat| beat.next).filter(|next| *next < Instant::MAX)
    }

    /// Tells `rtc-stats` if it is due. Who looks late hears it once, and then at the times that were set.
    pub(super) fn beat(&mut self) {
        if !self.next_beat().is_some_and(|next| next.is_due(self.now)) {
            return;
        }
        let records = self.records();
        self.event("rtc-stats", records);
        if let Some(beat) = &mut self.statistics.beat {
            let every = u64::try_from(beat.every.as_nanos()).unwrap_or(u64::MAX).max(1);
            let late = u64::try_from(self.now.saturating_since(beat.next).as_nanos()).unwrap_or(u64::MAX);
            beat.next = beat.next.saturating_add(Duration::from_nanos((late / every + 1).saturating_mul(every)));
        }
    }

    /// A stay begins: intervals count from here.
    pub(super) fn begin_statistics(&mut self) {
        let now = self.now;
        if let Some(beat) = &mut self.statistics.beat {
            beat.next = now.saturating_add(beat.every);
        }
    }

    /// A stay is over. Whether `rtc-stats` is wanted is the object's, and outlives it.
    pub(super) fn end_statistics(&mut self) {
        let beat = self.statistics.beat.take();
        self.statistics = Statistics { beat, ..Statistics::default() };
    }

    /// `rtcStatsInfo[]`: one's own parts, then those of others.
    fn records(&self) -> Value {
        let own = self.stay.as_ref().map(|stay| (&stay.user, stay.name.as_ref()));
        let mut records: Vec<Value> = Vec::new();
        if let Some((user, name)) = own {
            records.extend(self.sent_parts().iter().map(|part| {
                let mut record = part.record(user, name, false);
                if let Some(us) = self.statistics.rtt_us {
                    record["rtt"] = quotient(us, 1000); // of one's own alone
                }
                record
            }));
        }
        for ((user, _), remote) in &self.remotes {
            let name = self.others.get(user).and_then(Option::as_ref);
            records.extend(self.received_parts(remote).iter().map(|part| part.record(user, name, true)));
        }
        records.into()
    }
}

impl Shown<'_> {
    fn totals(&self) -> crate::stats::Totals {
        self.stats.map(PartStats::totals).unwrap_or_default()
    }

    /// The size that was counted, or that one; none where neither is known.
    fn add_size(&self, entry: &mut Value, or: Option<(u16, u16)>) {
        if let Some((width, height)) = self.stats.and_then(PartStats::size_px).or(or) {
            entry["frameWidth"] = width.into();
            entry["frameHeight"] = height.into();
        }
    }

    /// The document requires every field: what is not known yet is zero. Jitter is in milliseconds, loss between 0 and 1, and the user's id is ours to add (C-32).
    fn record(&self, user: &UserId, name: Option<&UserName>, is_remote: bool) -> Value {
        let rates = self.stats.and_then(PartStats::rates).unwrap_or_default();
        let Rates { kbps, frames_per_s, loss_ppm } = rates;
        let jitter_us = self.stats.and_then(PartStats::jitter_us).unwrap_or(0);
        json!({
            "userName": name.map_or("", UserName::as_str), "userId": user.as_str(), "isRemote": is_remote,
            "streamType": self.content.name(), "mediaType": track_word(self.medium), "bitrate": kbps, "frameRate": frames_per_s,
            "jitter": quotient(jitter_us, 1000), "pktLossRate": quotient(loss_ppm, 1_000_000),
        })
    }
}

/// Bytes, packets and lost packets of all parts together.
fn sums(parts: &[Shown<'_>]) -> (u64, u64, u64) {
    parts.iter().map(Shown::totals).fold((0, 0, 0), |(bytes, packets, lost), totals| {
        (bytes.saturating_add(totals.bytes), packets.saturating_add(totals.packets), lost.saturating_add(totals.packets_lost))
    })
}

/// `{mainStream: [...], subStream}`: every layer of the camera, the highest first, and the share where there is one.
fn streams(parts: &[Shown<'_>], entry: impl Fn(&Shown<'_>) -> Value) -> Value {
    let of = |kind| parts.iter().filter(move |part| part.kind == kind).map(&entry);
    let mut streams = json!({ "mainStream": of(StreamKind::Main).collect::<Vec<Value>>() });
    if let Some(sub) = of(StreamKind::Aux).next() {
        streams["subStream"] = sub;
    }
    streams
}

/// A number of thousandths or millionths as the number that JavaScript would have: whole where it is.
fn quotient(dividend: u64, divisor: u64) -> Value {
    if dividend.is_multiple_of(divisor) {
        return (dividend / divisor).into();
    }
    #[expect(clippy::cast_precision_loss, reason = "hours in microseconds and shares of a million have doubles of their own")]
    (dividend as f64 / divisor as f64).into()
}
