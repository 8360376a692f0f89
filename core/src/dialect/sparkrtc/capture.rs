//! Capturing: what the platform is asked for, and what becomes of a stream when it answers.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use serde_json::{Value, json};

use super::{
    Caller, Client, Failure, Reply, codes,
    streams::{LocalStream, Origin, Phase, Track, track_word},
};
use crate::{
    code::{
        sparkrtc::client,
        vendor::{Domain, VendorCode},
    },
    dialect::{HostOrder, Source, VendorCall},
    id::Rid,
    limits,
    profile::VideoProfile,
    stream::{StreamKind, TrackKind},
};

/// What came of one capture: the width and height of its pictures where they are not those that were asked for, or the client code of its failure.
pub(super) type Verdict = Result<Option<(u16, u16)>, u32>;

/// A call that waits for captures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    call: VendorCall,
    goal: Goal,
    waiting: Vec<Source>,
    done: Vec<(Source, Verdict)>,
}

/// What the captures are for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Goal {
    /// `initialize`.
    Initialize,
    /// `addResolution`, which made this one.
    Resolution(Rid),
    /// `addAudioTrackCapture`.
    Audio,
    /// `addVideoTrackCapture`, for this resolution.
    Video(Rid),
}

impl Client {
    /// Asks the platform for what the goal needs. One call at a time waits for captures of a stream.
    pub(super) fn capture(&mut self, name: &str, call: &VendorCall, goal: Goal, sources: Vec<Source>) -> Result<Reply, Failure> {
        if self.jobs.contains_key(name) {
            return Err(client::INVALID_OPERATION.into());
        }
        let mut job = Job { call: call.clone(), goal, waiting: Vec::new(), done: Vec::new() };
        for source in sources {
            self.order_capture(name, source);
            let said = [Some(String::from(name)), None].into_iter().find_map(|stream| self.verdicts.remove(&(stream, medium(source))));
            match said.or(self.settings.auto_capture.then_some(Ok(None))) {
                Some(verdict) => job.done.push((source, verdict)),
                None => job.waiting.push(source),
            }
        }
        if job.waiting.is_empty() {
            return self.captured_all(name, job);
        }
        self.jobs.insert(name.into(), job);
        Ok(Reply::Later)
    }

    /// The platform says what came of a capture: of a named stream, or of the first that waits for such a one. Said ahead, it counts for the next.
    pub(super) fn captured(&mut self, stream: Option<String>, medium_of_it: TrackKind, verdict: Verdict) {
        let place = |job: &Job| job.waiting.iter().position(|source| medium(*source) == medium_of_it);
        let mut named = self.jobs.iter().filter(|(name, _)| stream.as_ref().is_none_or(|stream| stream == *name));
        let found = named.find_map(|(name, job)| Some((name.clone(), place(job)?)));
        let Some((name, at)) = found else {
            if self.verdicts.len() < limits::LOCAL_STREAMS {
                self.verdicts.insert((stream, medium_of_it), verdict);
            }
            return;
        };
        let Some(mut job) = self.jobs.remove(&name) else { return };
        let source = job.waiting.remove(at);
        job.done.push((source, verdict));
        if !job.waiting.is_empty() {
            self.jobs.insert(name, job);
            return;
        }
        let caller = Caller::of(&job.call);
        match self.captured_all(&name, job) {
            Ok(Reply::Later) => {}
            Ok(Reply::Now(value)) => self.returns(Some(caller), Ok(value)),
            Err(Failure::Code(code)) => self.returns(Some(caller), Err(code)),
            Err(Failure::Wrong(_)) => self.returns(Some(caller), Err(client::INVALID_PARAMETER)),
        }
    }

    /// Everything is said: the tracks are put where they belong.
    fn captured_all(&mut self, name: &str, job: Job) -> Result<Reply, Failure> {
        let Some(local) = self.streams.get_mut(name) else { return Err(client::INVALID_OPERATION.into()) };
        let failure = job.done.iter().find_map(|(_, verdict)| verdict.err());
        let results = results(name, &job.done);
        for (source, verdict) in &job.done {
            let track = Track { id: track_id(name, *source), source: Some(*source) };
            match (medium(*source), verdict) {
                (_, Err(_)) => {}
                (TrackKind::Audio, Ok(_)) => local.audio = Some(track),
                (TrackKind::Video, Ok(size)) => {
                    let at = match &job.goal {
                        Goal::Initialize | Goal::Audio => local.highest(),
                        Goal::Resolution(id) | Goal::Video(id) => local.resolution(id.as_str()),
                    };
                    if let Some(resolution) = at {
                        // What is sent is what was captured, where a camera cannot do better.
                        if let Some((width_px, height_px)) = *size {
                            resolution.profile = VideoProfile { width_px, height_px, ..resolution.profile };
                        }
                        resolution.captured_px = resolution.pixels();
                        resolution.track = Some(track);
                    }
                }
            }
        }
        local.captures = Some(results.clone());
        match job.goal {
            Goal::Initialize => {
                let results = give_tracks(local, name, results);
                local.captures = Some(results.clone());
                // Any medium will do; a stream made of nothing is ready for tracks at once.
                if failure.is_none() || local.has(TrackKind::Audio) || local.has(TrackKind::Video) {
                    local.phase = Phase::Initialised;
                }
                Ok(Reply::Now(initialize_result(failure, results)))
            }
            Goal::Resolution(id) => {
                let Some(record) = local.resolution(id.as_str()).filter(|added| added.track.is_some()).map(|added| added.record()) else {
                    local.resolutions.retain(|resolution| resolution.id != id);
                    return Ok(Reply::Now(initialize_result(failure, results)));
                };
                Ok(self.sync(name, Some((&job.call, record))))
            }
            Goal::Audio | Goal::Video(_) => match (failure, job.done.first()) {
                (Some(code), _) => Err(capture_code(code).into()),
                (None, Some((source, _))) => {
                    let handle = Track { id: track_id(name, *source), source: Some(*source) }.handle(medium(*source));
                    Ok(self.sync(name, Some((&job.call, handle))))
                }
                (None, None) => Err(client::INVALID_OPERATION.into()),
            },
        }
    }

    /// Takes the devices of a stream again that were let go of on leaving.
    pub(super) fn capture_again(&mut self, name: &str) {
        let captured = self.streams.get(name).map(LocalStream::captured);
        for source in captured.into_iter().flatten() {
            self.order_capture(name, source);
        }
    }

    fn order_capture(&mut self, name: &str, source: Source) {
        let device = self.streams.get(name).and_then(|local| match source {
            Source::Camera => local.sources.camera.clone(),
            Source::Microphone => local.sources.microphone.clone(),
            Source::Screen | Source::ScreenAudio => None,
        });
        self.order(HostOrder::Capture { stream: name.into(), source, device });
    }

    /// Lets go of devices that the stream had before and has no track of now.
    pub(super) fn release_unused(&mut self, name: &str, before: Vec<Source>) {
        let still: BTreeSet<Source> = self.streams.get(name).map(LocalStream::captured).into_iter().flatten().collect();
        for source in before.into_iter().filter(|source| !still.contains(source)) {
            self.order(HostOrder::Release { stream: name.into(), source });
        }
    }

    /// Lets go of every device. The streams keep their tracks, and take the devices again when they are published (R-211, C-26).
    pub(super) fn release_all(&mut self) {
        let names: Vec<String> = self.streams.keys().cloned().collect();
        for name in names {
            let Some(local) = self.streams.get_mut(&name) else { continue };
            let captured = local.captured();
            if captured.is_empty() || core::mem::replace(&mut local.released, true) {
                continue;
            }
            for source in captured {
                self.order(HostOrder::Release { stream: name.clone(), source });
            }
        }
    }

    /// The stream is to be used no longer: its devices are let go of, and whoever waits for a capture of it hears that it will not come.
    pub(super) fn forget_stream(&mut self, name: &str) {
        if let Some(job) = self.jobs.remove(name) {
            for source in &job.waiting {
                self.order(HostOrder::Release { stream: name.into(), source: *source });
            }
            self.returns(Some(Caller::of(&job.call)), Err(client::INVALID_OPERATION));
        }
        self.withdraw(name);
        let Some(mut local) = self.streams.remove(name) else { return };
        local.phase = Phase::Closed;
        if !local.released {
            for source in local.captured() {
                self.order(HostOrder::Release { stream: name.into(), source });
            }
        }
    }
}

/// What is captured to make a stream what it was created for.
pub(super) fn sources_of(local: &LocalStream) -> Vec<Source> {
    let captured = |origin: Option<Origin>| match origin {
        Some(Origin::Capture(source)) => Some(source),
        Some(Origin::Given) | None => None,
    };
    captured(local.sources.audio).into_iter().chain(captured(local.sources.video)).collect()
}

/// The source of a stream's kind for a medium: what `addAudioTrackCapture` and `addVideoTrackCapture` capture.
pub(super) const fn source_for(kind: StreamKind, medium: TrackKind) -> Source {
    match (kind, medium) {
        (StreamKind::Main, TrackKind::Audio) => Source::Microphone,
        (StreamKind::Main, TrackKind::Video) => Source::Camera,
        (StreamKind::Aux, TrackKind::Audio) => Source::ScreenAudio,
        (StreamKind::Aux, TrackKind::Video) => Source::Screen,
    }
}

/// Puts the tracks in place that the application brought.
fn give_tracks(local: &mut LocalStream, name: &str, mut results: Vec<Value>) -> Vec<Value> {
    let track = |kind| Track { id: format!("{name}.{}", track_word(kind)), source: None };
    let mut tell = |kind, track: &Track| results.push(json!({ "type": track_word(kind), "track": track.handle(kind) }));
    if local.sources.audio == Some(Origin::Given) {
        let track = track(TrackKind::Audio);
        tell(TrackKind::Audio, &track);
        local.audio = Some(track);
    }
    if local.sources.video == Some(Origin::Given) {
        let track = track(TrackKind::Video);
        tell(TrackKind::Video, &track);
        if let Some(resolution) = local.highest() {
            resolution.captured_px = resolution.pixels();
            resolution.track = Some(track);
        }
    }
    results
}

fn results(name: &str, done: &[(Source, Verdict)]) -> Vec<Value> {
    let result = |(source, verdict): &(Source, Verdict)| {
        let kind = medium(*source);
        match verdict {
            Ok(_) => {
                json!({ "type": track_word(kind), "track": Track { id: track_id(name, *source), source: Some(*source) }.handle(kind) })
            }
            Err(code) => {
                let error = codes::error(capture_code(*code));
                json!({ "type": track_word(kind), "error": { "code": error.code, "msg": error.msg } })
            }
        }
    };
    done.iter().map(result).collect()
}

/// `StreamInitializeResult`: an error object, whose code is that of success where nothing failed, with a result for each medium.
fn initialize_result(failure: Option<u32>, results: Vec<Value>) -> Value {
    let error = codes::error(failure.map_or(client::SUCCESS, capture_code));
    json!({ "code": error.code, "msg": error.msg, "mediaCaptureResults": results })
}

fn track_id(name: &str, source: Source) -> String {
    let word = match source {
        Source::Microphone => "microphone",
        Source::Camera => "camera",
        Source::Screen => "screen",
        Source::ScreenAudio => "screenAudio",
    };
    format!("{name}.{word}")
}

const fn medium(source: Source) -> TrackKind {
    match source {
        Source::Microphone | Source::ScreenAudio => TrackKind::Audio,
        Source::Camera | Source::Screen => TrackKind::Video,
    }
}

const fn capture_code(code: u32) -> VendorCode<'static> {
    Domain::Client.number(code)
}
