//! Which layer of which stream each member receives.
//!
//! A member's plan is made again when its estimate or its subscriptions change, at once, and when more of its estimate is [believed](crate::select::Trust); when something about a stream changes, the plans of its
//! subscribers are made again in batches, so that no input costs more than one member's worth of outputs. A changed target waits for a key frame, which is asked for once for all who wait; another temporal layer of
//! what flows waits for none.
//!
//! What a layer needs is what its publisher declared. That is less noisy than what is measured, and right as long as it is kept to: measurements say that a layer is silent, or, when it goes on for
//! [`limits::EXCESS_PATIENCE`], that it takes a quarter more than declared; then the least of that time is believed. Temporal layers take their declared shares of it.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Event, Measured, MediaInput, MediaOutput, Room};
use crate::{
    id::{LayerId, MemberId, StreamId, TemporalId},
    limits,
    member::{Bandwidth, MediaState, VideoPlan},
    select::{Allocation, Budget, Choice, Demand, Estimate, Layer, Offer, Priority, Rung, Source, Wish},
    stream::BitsPerSecond,
    time::Instant,
    wire::{MediaDescription, ServerMessage},
};

/// What the prober should look for, in thousandths of the need: an estimate comes out a little below the rate that was probed. LiveKit probes at 120 % as well.
const DESIRED_PERMILLE: u64 = 1200;

/// What a member wants of one stream, and what it has.
struct Wanted {
    stream: StreamId,
    source: Source,
    priority: Priority,
    insists: bool,
    target: Option<Layer>,
    rungs: Vec<Rung>,
}

impl Room {
    pub(super) fn handle_media(&mut self, input: MediaInput) {
        if self.dissolved {
            return;
        }
        match input {
            MediaInput::Ready { member, description } => self.ready(member, description),
            MediaInput::Connected { member } => {
                if let Some(known) = self.members.get_mut(&member).filter(|m| m.media == MediaState::Opening) {
                    known.media = MediaState::Connected;
                    self.plan(member);
                }
            }
            MediaInput::Estimate { member, bps, application_limited } => {
                if let Some(known) = self.members.get_mut(&member).filter(|m| m.media != MediaState::Absent) {
                    known.pace.handle_estimate(self.now, Estimate { bps, application_limited });
                    known.estimate_bps = Some(known.pace.estimate_bps());
                    self.plan(member);
                }
            }
            MediaInput::Delay { member, delay_ns } => {
                let changes = self.members.get_mut(&member).is_some_and(|known| known.pace.handle_delay(self.now, delay_ns));
                if changes {
                    self.plan(member);
                }
            }
            MediaInput::Level { member, level } => self.level(member, level),
            MediaInput::LayerRate { stream, layer, bps } => self.layer_rate(stream, layer, bps),
            MediaInput::KeyFrame { stream, layer } => self.key_frames.arrived(stream, layer),
            MediaInput::KeyFrameNeeded { member, stream } => {
                // That of the layer that is to flow, even while another one does: it mends the picture as well.
                let plan = self.video_plan(member, stream);
                if let Some(layer) = plan.and_then(|p| p.target).map(|target| target.spatial)
                    && self.key_frames.want(self.now, stream, layer)
                {
                    self.ask_for_key_frame(stream, layer);
                }
            }
            MediaInput::Switched { member, stream, layer } => self.switched(member, stream, layer),
        }
    }

    /// A transport can be reached. A member who is away hears of it when it comes back.
    fn ready(&mut self, id: MemberId, description: MediaDescription) {
        let Some(member) = self.members.get_mut(&id).filter(|m| m.media == MediaState::Opening) else {
            return;
        };
        member.media_answer = Some(description.clone());
        if let Some(session) = member.presence.session() {
            self.send(session, ServerMessage::Media { description });
        }
    }

    /// A layer began or ceased to flow, or goes on to need more than its publisher said: then its viewers' plans no longer hold. Mere fluctuation is no reason to plan.
    fn layer_rate(&mut self, stream: StreamId, layer: LayerId, bps: BitsPerSecond) {
        let now = self.now;
        let Some(known) = self.streams.get_mut(&stream) else { return };
        let at = usize::from(layer.0);
        let (Some(declared_bps), Some(measured)) = (known.info.offer.layers.get(at).map(|l| l.max_bps), known.measured.get_mut(at)) else {
            return;
        };
        let silence_is_announced = known.info.video_muted || (known.info.offer.on_demand && known.needed.is_off(layer));
        if bps == 0 && silence_is_announced {
            return; // the layer comes back when it is lifted
        }
        let before = measured.needed_bps(declared_bps);
        *measured = measured.after(now, declared_bps, bps);
        if measured.needed_bps(declared_bps) != before {
            let subscribers: Vec<_> = known.subscribers.iter().copied().collect();
            for subscriber in subscribers {
                self.plan_later(subscriber);
            }
        }
    }

    pub(super) fn plan_later(&mut self, member: MemberId) {
        if self.dissolved {
            return;
        }
        self.replan.insert(member);
        self.replan_at.get_or_insert(self.now.saturating_add(limits::ROOM_BATCH_SPACING));
    }

    /// Makes a member's plan and orders what changed.
    pub(super) fn plan(&mut self, id: MemberId) {
        self.replan.remove(&id);
        let Some(member) = self.members.get(&id).filter(|m| m.media == MediaState::Connected) else {
            return;
        };
        let now = self.now;
        let cap_bps = self.receive_cap_bps(member);
        let audio_bps: BitsPerSecond = member
            .subscriptions
            .iter()
            .filter(|(_, subscription)| subscription.audio)
            .filter_map(|(stream, _)| self.streams[stream].info.offer.audio_bps)
            .fold(self.voices_bps(id), |sum: BitsPerSecond, bps| sum.saturating_add(bps));
        let subscriptions = member.subscriptions.iter();
        let wanted: Vec<Wanted> =
            subscriptions.filter_map(|(stream, subscription)| self.wanted(*stream, subscription.video.as_ref()?)).collect();
        let demands: Vec<Demand<'_>> = wanted.iter().map(Wanted::demand).collect();
        // Audio goes first: it is cheap, and a call without it is none.
        let for_video = |Budget { keep_bps, climb_bps }| Budget {
            keep_bps: keep_bps.min(cap_bps).saturating_sub(audio_bps),
            climb_bps: climb_bps.min(cap_bps).saturating_sub(audio_bps),
        };
        let allocate = |budget| self.config.policy.allocate(for_video(budget), &demands);
        // What the line does not carry any more is a sign of the line; what a member's own bound or another stream takes is none.
        let held_bps = wanted.iter().fold(audio_bps, |sum: BitsPerSecond, wanted| sum.saturating_add(wanted.held_bps()));
        let lowers = |allocation: &Allocation| {
            let is_lower = |(choice, wanted): (&Choice, &Wanted)| wanted.place(choice.layer) < wanted.place(wanted.target);
            allocation.choices.iter().zip(&wanted).any(is_lower)
        };
        let mut pace = member.pace.clone();
        let mut budget = pace.budget(now);
        if pace.is_full(now) {
            budget.climb_bps = budget.climb_bps.min(held_bps);
        }
        let mut allocation = allocate(budget);
        let is_short = held_bps > budget.keep_bps && lowers(&allocation);
        if is_short {
            budget = pace.lowered(now);
            allocation = allocate(budget);
        }
        let floor_bps = wanted.iter().fold(audio_bps, |sum: BitsPerSecond, wanted| sum.saturating_add(wanted.floor_bps()));
        // A page that was turned fills a queue for a moment, which goes by itself.
        let shows_screen = wanted.iter().any(|wanted| wanted.source == Source::Screen && wanted.target.is_some());
        let patience = if shows_screen { limits::SCREEN_QUEUE_PATIENCE } else { limits::QUEUE_PATIENCE };
        // A full queue drains only if less is sent than the line carries; but nobody's picture ends for that.
        if let Some(drained) = pace.to_drain(now, budget, held_bps, floor_bps, patience).map(allocate)
            && drained.live() == allocation.live()
            && drained.used_bps < allocation.used_bps
        {
            if !is_short && lowers(&drained) {
                let _also_less = pace.lowered(now);
            }
            allocation = drained;
        }
        let Allocation { choices, used_bps, minimum_bps, desired_bps } = allocation;
        if choices.iter().zip(&wanted).any(|(choice, wanted)| wanted.place(choice.layer) > wanted.place(wanted.target)) {
            pace.raised(now);
        }
        let next_bps = if minimum_bps > used_bps { pace.estimate_needed(now, minimum_bps.saturating_add(audio_bps)) } else { 0 };
        let desired_bps = permille(desired_bps, DESIRED_PERMILLE).saturating_add(audio_bps).max(next_bps).min(cap_bps);
        // While the line is full, or drains, no step up is looked for, so nothing is padded. What is wanted stays wanted: the aim of the estimator is not capped.
        let used_bps = used_bps.saturating_add(audio_bps);
        let floor_bps = if pace.is_full(now) || pace.is_draining(now) { used_bps } else { used_bps.max(next_bps) };
        let bandwidth = Bandwidth { minimum_bps: floor_bps.min(desired_bps), desired_bps };
        let replan_at = pace.poll_timeout(now, next_bps > 0);
        let estimate_bps = pace.estimate_bps().min(cap_bps);
        self.plan_again_at(id, replan_at);
        let member = self.members.get_mut(&id).expect("looked up above");
        member.pace = pace;
        let told = core::mem::replace(&mut member.bandwidth, bandwidth);

        for Choice { stream, layer, reason } in choices {
            let from = self.video_plan(id, stream).expect("demands come from plans").target;
            if layer != from {
                self.retarget(id, stream, layer);
                self.event(Event::LayerDecided { member: id, stream, from, to: layer, reason, estimate_bps, allocated_bps: used_bps });
            }
        }
        if told != bandwidth {
            self.media(MediaOutput::Bandwidth { member: id, bandwidth });
        }
    }

    /// What a member wants of a stream. None of a muted one: it takes nothing, and what was decided of it stands until it is back.
    fn wanted(&self, stream: StreamId, plan: &VideoPlan) -> Option<Wanted> {
        let known = &self.streams[&stream];
        if known.info.video_muted {
            return None;
        }
        let source = Source::from(known.info.offer.kind);
        let top = plan.layers.highest_of(limits::LAYERS_PER_STREAM).map_or(0, |top| usize::from(top.0) + 1);
        let mut offers = Vec::new();
        for (spatial, (layer, measured)) in (0..).map(LayerId).zip(known.info.offer.layers.iter().zip(&known.measured)).take(top) {
            let bps = measured.needed_bps(layer.max_bps);
            let shares = layer.temporal_layers.shares_permille();
            for (temporal, share) in (1..).zip(shares) {
                let temporal = if usize::from(temporal) < shares.len() { TemporalId(temporal - 1) } else { TemporalId::TOP };
                let counted_bps = self.config.policy.counted_bps(source, permille(bps, *share));
                let rung = Rung { layer: Layer { spatial, temporal }, bps: counted_bps };
                offers.push(Offer { rung, short_side: layer.short_side() });
            }
        }
        let mut rungs = Vec::new();
        Wish { source, min_short_side: plan.min_height, max_short_side: plan.max_height }.ladder(&offers, &mut rungs);
        Some(Wanted { stream, source, priority: Priority(plan.priority), insists: plan.min_height.is_some(), target: plan.target, rungs })
    }

    fn plan_again_at(&mut self, id: MemberId, at: Option<Instant>) {
        let member = self.members.get_mut(&id).expect("only members have plans");
        if let Some(before) = core::mem::replace(&mut member.replan_at, at) {
            self.replans.remove(&(before, id));
        }
        self.replans.extend(at.map(|at| (at, id)));
    }

    /// Points a member's video at another layer, and asks for the key frame that the switch waits for. Where only the temporal layer is another one, a wait that goes on goes on.
    fn retarget(&mut self, id: MemberId, stream: StreamId, target: Option<Layer>) {
        let now = self.now;
        let spatial = |layer: Layer| layer.spatial;
        let same = self.video_plan(id, stream).is_some_and(|plan| plan.target.map(spatial) == target.map(spatial));
        if !same {
            self.wait_no_longer(id, stream);
        }
        let plan = self.video_plan_mut(id, stream).expect("only subscribed video is retargeted");
        plan.target = target;
        if target.is_none() {
            plan.current = None;
        }
        let waits_for = target.map(spatial).filter(|layer| !same && plan.current.map(spatial) != Some(*layer));
        if !same {
            plan.waiting_since = waits_for.map(|_| now);
        }
        self.media(MediaOutput::Layer { member: id, stream, target });
        if let Some(layer) = waits_for {
            self.waiting.insert((stream, layer, id));
            if self.key_frames.want(now, stream, layer) {
                self.ask_for_key_frame(stream, layer);
            }
        }
    }

    fn switched(&mut self, id: MemberId, stream: StreamId, layer: Layer) {
        let now = self.now;
        let layers = self.streams.get(&stream).map_or(0, |known| known.info.offer.layers.len());
        let Some(plan) = self.video_plan_mut(id, stream) else { return };
        if plan.target.is_none() || usize::from(layer.spatial.0) >= layers {
            return; // news of what was paused meanwhile: what flowed then must wait for a key frame again
        }
        let from = plan.current.replace(layer);
        if plan.target.map(|target| target.spatial) != Some(layer.spatial) {
            return;
        }
        let waited = plan.waiting_since.take().map_or(Duration::ZERO, |since| now.saturating_since(since));
        self.waiting.remove(&(stream, layer.spatial, id));
        if from != Some(layer) {
            self.event(Event::LayerSwitched { member: id, stream, from, to: layer, waited });
        }
    }

    /// A fresh transport has forwarded nothing: every video of the member starts over.
    pub(super) fn pause_all(&mut self, id: MemberId) {
        let streams: Vec<_> = self.members[&id].subscriptions.keys().copied().collect();
        for stream in streams {
            self.wait_no_longer(id, stream);
            if let Some(plan) = self.video_plan_mut(id, stream) {
                plan.target = None;
                plan.current = None;
            }
        }
    }

    /// The member waits for no key frame of the stream; a request that nobody else waits for is given up.
    pub(super) fn wait_no_longer(&mut self, id: MemberId, stream: StreamId) {
        let Some(plan) = self.video_plan_mut(id, stream) else { return };
        let (Some(Layer { spatial: layer, .. }), Some(_)) = (plan.target, plan.waiting_since.take()) else {
            return;
        };
        self.waiting.remove(&(stream, layer, id));
        let first = (stream, layer, MemberId(0));
        let last = (stream, layer, MemberId(u32::MAX));
        if self.waiting.range(first..=last).next().is_none() {
            self.key_frames.cancel(stream, layer);
        }
    }

    /// A request for a key frame is to be repeated, unless nobody receives the stream any more.
    pub(super) fn ask_again(&mut self, stream: StreamId, layer: LayerId) {
        if self.streams.get(&stream).is_some_and(|known| known.subscribers.is_empty()) {
            return self.key_frames.cancel(stream, layer);
        }
        self.ask_for_key_frame(stream, layer);
    }

    fn ask_for_key_frame(&mut self, stream: StreamId, layer: LayerId) {
        let Some(owner) = self.streams.get(&stream).map(|s| s.owner) else {
            return;
        };
        let waiting = self.waiting.range((stream, layer, MemberId(0))..=(stream, layer, MemberId(u32::MAX))).count();
        self.media(MediaOutput::RequestKeyFrame { member: owner, stream, layer });
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.event(Event::KeyFrameRequested { stream, layer, waiting });
    }

    pub(super) fn video_plan(&self, id: MemberId, stream: StreamId) -> Option<&VideoPlan> {
        self.members.get(&id)?.subscriptions.get(&stream)?.video.as_ref()
    }

    pub(super) fn video_plan_mut(&mut self, id: MemberId, stream: StreamId) -> Option<&mut VideoPlan> {
        self.members.get_mut(&id)?.subscriptions.get_mut(&stream)?.video.as_mut()
    }
}

impl Wanted {
    fn demand(&self) -> Demand<'_> {
        let Self { stream, source, priority, insists, target: _, ref rungs } = *self;
        Demand { stream, source, priority, insists, rungs, current: self.kept() }
    }

    /// What counts as there already: the layer decided before, or, where that is gone or wanted no longer, the one that takes its place.
    fn kept(&self) -> Option<Layer> {
        let target = self.target?;
        let below = self.rungs.iter().rfind(|rung| rung.layer <= target).or(self.rungs.first());
        self.place(Some(target)).map(|at| &self.rungs[at]).or(below).map(|rung| rung.layer)
    }

    /// Where a layer stands among those that can be had; lower than all where it is none of them.
    fn place(&self, layer: Option<Layer>) -> Option<usize> {
        self.rungs.iter().position(|rung| Some(rung.layer) == layer)
    }

    /// The least that this picture takes, if it is there.
    fn floor_bps(&self) -> BitsPerSecond {
        self.target.and(self.rungs.first()).map_or(0, |rung| rung.bps)
    }

    /// What the layer decided before needs now.
    fn held_bps(&self) -> BitsPerSecond {
        self.place(self.target).map_or(0, |at| self.rungs[at].bps)
    }
}

impl Measured {
    /// What is known after another measurement. A quarter more than declared is fluctuation: pictures differ in size and key frames are large, so half a second easily comes out a fifth above the mean.
    fn after(self, now: Instant, declared_bps: BitsPerSecond, bps: BitsPerSecond) -> Self {
        match self {
            _ if bps == 0 => Self::Silent,
            _ if bps <= declared_bps.saturating_add(declared_bps / 4) => Self::AsDeclared,
            Self::Excess { since, least_bps, .. } => {
                Self::Excess { since, least_bps: least_bps.min(bps), lasts: now.saturating_since(since) >= limits::EXCESS_PATIENCE }
            }
            Self::Nothing | Self::Silent | Self::AsDeclared => Self::Excess { since: now, least_bps: bps, lasts: false },
        }
    }

    /// What the layer is taken to need.
    fn needed_bps(self, declared_bps: BitsPerSecond) -> BitsPerSecond {
        match self {
            Self::Silent => 0,
            Self::Excess { least_bps, lasts: true, .. } => least_bps,
            Self::Nothing | Self::AsDeclared | Self::Excess { .. } => declared_bps,
        }
    }
}

/// `permille` thousandths of `bps`, rounded up.
fn permille(bps: BitsPerSecond, permille: u64) -> BitsPerSecond {
    u64::try_from((u128::from(bps) * u128::from(permille)).div_ceil(1000)).unwrap_or(u64::MAX)
}
