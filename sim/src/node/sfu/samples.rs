//! What the server counts of every stream, ten times a second.

use greenroom_core::{
    id::StreamId,
    member::Member,
    room::{self, MediaInput},
    select::Layer,
    stream::{BitsPerSecond, StreamInfo, StreamOffer},
};

use super::SfuNode;
use crate::{
    node::Output,
    record::{Counted, SAMPLE_INTERVAL, Sample},
};

/// Layers are measured once in so many samples: twice a second, so that a frame more or less does not matter.
const SAMPLES_PER_MEASUREMENT: u64 = 5;

impl SfuNode {
    pub(super) fn take_samples(&mut self) {
        if self.next_sample > self.now {
            return;
        }
        self.next_sample = self.next_sample.saturating_add(SAMPLE_INTERVAL);
        self.samples_taken += 1;
        let streams: Vec<StreamId> = self.routes.streams().collect();
        for stream in streams {
            self.sample_stream(stream);
        }
        if self.samples_taken.is_multiple_of(SAMPLES_PER_MEASUREMENT) {
            let interval = SAMPLE_INTERVAL * u32::try_from(SAMPLES_PER_MEASUREMENT).expect("it is 5");
            for (stream, layer, bps) in self.routes.measure(interval) {
                self.tell_room(room::Input::Media(MediaInput::LayerRate { stream, layer, bps }));
            }
        }
    }

    /// Tells what of a stream came in and went out since the last time.
    pub(super) fn sample_stream(&mut self, stream: StreamId) {
        let Some((publisher, ingress)) = self.routes.take_ingress(stream) else {
            return;
        };
        let (at, stream_name) = (self.now, self.name(stream));
        let owner = self.users.get(&publisher).cloned().unwrap_or_else(|| stream_name.user.clone());
        let egress = self.routes.take_egress(stream);
        let mut samples = Vec::with_capacity(1 + egress.len());
        samples.push(Sample { at, user: owner, stream: stream_name.clone(), what: Counted::Ingress(ingress) });
        for (viewer, flow, layer) in egress {
            let Some(user) = self.users.get(&viewer).cloned() else { continue };
            let (estimate_bps, plan) =
                self.room.member(viewer).map_or((None, Planned::default()), |member| (member.estimate_bps, self.planned(member)));
            let layer = layer.and_then(|layer| self.rid(stream, layer));
            let budget_bps = estimate_bps.unwrap_or(self.config.settings.start_estimate_bps);
            let what = Counted::Sent {
                flow,
                layer,
                estimate_bps,
                budget_bps,
                planned_bps: plan.audio_bps + plan.video_bps,
                planned_video_bps: plan.video_bps,
            };
            samples.push(Sample { at, user, stream: stream_name.clone(), what });
        }
        self.outputs.push_back(Output::Samples(samples));
    }

    /// What everything that is planned for a member needs, by its publishers' own declarations, as far as plans count it.
    fn planned(&self, member: &Member) -> Planned {
        let mut planned = Planned::default();
        for (stream, subscription) in &member.subscriptions {
            let Some(StreamInfo { offer, video_muted, .. }) = self.room.stream(*stream) else {
                continue;
            };
            if subscription.audio {
                planned.audio_bps += offer.audio_bps.unwrap_or(0);
            }
            // What was decided of a muted video stands until it is back; it takes nothing meanwhile.
            let target = subscription.video.as_ref().filter(|_| !video_muted).and_then(|plan| plan.target);
            planned.video_bps +=
                target.map_or(0, |target| self.config.settings.policy.counted_bps(offer.kind.into(), declared_bps(offer, target)));
        }
        planned
    }
}

#[derive(Clone, Copy, Default)]
struct Planned {
    audio_bps: BitsPerSecond,
    video_bps: BitsPerSecond,
}

/// What a layer needs, by its publisher's own declaration.
fn declared_bps(offer: &StreamOffer, layer: Layer) -> BitsPerSecond {
    let Some(declared) = offer.layers.get(usize::from(layer.spatial.0)) else { return 0 };
    let shares = declared.temporal_layers.shares_permille();
    let share = shares.get(usize::from(layer.temporal.0)).copied().unwrap_or(1000);
    declared.max_bps.saturating_mul(share) / 1000
}
