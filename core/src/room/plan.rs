//! Which layer of which stream each member receives.
//!
//! A member's plan is made again when its estimate or its subscriptions change, at once; when something about a stream changes, the plans of its subscribers are made
//! again in batches, so that no input costs more than one member's worth of outputs. A changed target waits for a key frame, which is asked for once for all who wait.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Event, MediaInput, MediaOutput, Room};
use crate::{
    id::{LayerId, MemberId, StreamId},
    limits,
    member::{Bandwidth, MediaState, VideoPlan},
    select::{self, Allocation, Budget, Choice, Demand, Priority, Reason, Rung},
    stream::{BitsPerSecond, Layer},
    wire::{MediaDescription, ServerMessage},
};

/// What going up takes of the estimate, in thousandths of the need. 15 % is the change of estimate that Jitsi Videobridge waits for before it allocates anew: less than that is taken for noise.
const UP_MARGIN_PERMILLE: u64 = 1150;
/// What the prober should look for, in thousandths of the need. It must exceed [`UP_MARGIN_PERMILLE`], since an estimate comes out a little below the rate that was probed. LiveKit probes at
/// 120 % as well.
const DESIRED_PERMILLE: u64 = 1200;
/// A cap that caps nothing: ladders end below it.
const TOP: LayerId = LayerId(u8::MAX);

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
            MediaInput::Estimate { member, bps } => {
                if let Some(known) = self.members.get_mut(&member).filter(|m| m.media != MediaState::Absent) {
                    known.estimate_bps = Some(bps);
                    self.plan(member);
                }
            }
            MediaInput::Level { member, level } => self.level(member, level),
            MediaInput::LayerRate { stream, layer, bps } => self.layer_rate(stream, layer, bps),
            MediaInput::KeyFrame { stream, layer } => self.key_frames.arrived(stream, layer),
            MediaInput::KeyFrameNeeded { member, stream } => {
                let plan = self.video_plan(member, stream);
                if let Some(layer) = plan.and_then(|p| p.current.or(p.target))
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

    /// A layer began or ceased to flow, or needs more than its publisher said: then its viewers' plans no longer hold. Mere fluctuation is no reason to plan.
    fn layer_rate(&mut self, stream: StreamId, layer: LayerId, bps: BitsPerSecond) {
        let Some(known) = self.streams.get_mut(&stream) else { return };
        let at = usize::from(layer.0);
        let (Some(declared), Some(measured)) = (known.info.offer.layers.get(at).map(|l| l.max_bps), known.measured_bps.get_mut(at)) else {
            return;
        };
        let silence_is_announced = known.info.video_muted || (known.info.offer.on_demand && known.viewers == 0);
        if bps == 0 && silence_is_announced {
            return; // the layer comes back when it is lifted
        }
        let needed_before = needed_bps(declared, *measured);
        *measured = Some(bps);
        let needed = needed_bps(declared, *measured);
        if needed != needed_before {
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
        let cap_bps = self.receive_cap_bps(member);
        let estimate_bps = member.estimate_bps.unwrap_or(self.config.start_estimate_bps).min(cap_bps);
        let audio_bps: BitsPerSecond = member
            .subscriptions
            .iter()
            .filter(|(_, subscription)| subscription.audio)
            .filter_map(|(stream, _)| self.streams[stream].info.offer.audio_bps)
            .fold(self.voices_bps(id), |sum: BitsPerSecond, bps| sum.saturating_add(bps));

        let held = member.held_until.is_some();
        let before = member.bandwidth;
        let ladders: Vec<(StreamId, bool, Option<LayerId>, Vec<Rung>)> = member
            .subscriptions
            .iter()
            .filter_map(|(stream, subscription)| Some((*stream, subscription.video.as_ref()?)))
            .map(|(stream, plan)| {
                let layers_bps = self.layers_bps(stream);
                let wanted = plan.layers.highest_of(limits::LAYERS_PER_STREAM).unwrap_or(TOP);
                let min_layer =
                    plan.min_height.and_then(|min| lowest_worth_having(&self.streams[&stream].info.offer.layers, &layers_bps, wanted, min));
                // While the plan is held, what has a layer keeps at most that one, or the lowest worth having; what has none may still get its first.
                let held_at = plan.target.filter(|_| held).map(|target| target.max(min_layer.unwrap_or(target)));
                let max_layer = held_at.map_or(wanted, |held_at| wanted.min(held_at));
                let rungs = (0..=max_layer.0).map(LayerId).zip(layers_bps).filter(|(layer, _)| Some(*layer) >= min_layer);
                let rungs = rungs.map(|(layer, bps)| Rung { layer: select::Layer::whole(layer), bps }).collect();
                (stream, plan.min_height.is_some(), plan.target, rungs)
            })
            .collect();
        let demands: Vec<Demand<'_>> = ladders
            .iter()
            .map(|(stream, insists, target, rungs)| Demand {
                stream: *stream,
                source: select::Source::Camera,
                priority: Priority::default(),
                insists: *insists,
                rungs,
                current: target.map(select::Layer::whole),
            })
            .collect();
        // Audio goes first: it is cheap, and a call without it is none.
        let keep_bps = estimate_bps.saturating_sub(audio_bps);
        let budget = Budget { keep_bps, climb_bps: scaled(keep_bps, 1000, UP_MARGIN_PERMILLE) };
        let Allocation { choices, used_bps, minimum_bps, desired_bps } = self.config.policy.allocate(budget, &demands);
        let minimum_bps = if minimum_bps > used_bps { scaled(minimum_bps, UP_MARGIN_PERMILLE, 1000) } else { used_bps };
        let desired_bps = scaled(desired_bps, DESIRED_PERMILLE, 1000);

        let mut lowered = false;
        for Choice { stream, layer, reason } in choices {
            let layer = layer.map(|layer| layer.spatial);
            let from = self.video_plan(id, stream).expect("demands come from plans").target;
            if layer == from {
                continue;
            }
            lowered |= layer < from && matches!(reason, Reason::Budget { .. } | Reason::Settling { .. } | Reason::Behind { .. });
            self.retarget(id, stream, layer);
            let allocated_bps = used_bps.saturating_add(audio_bps);
            self.event(Event::LayerDecided { member: id, stream, from, to: layer, reason, estimate_bps, allocated_bps });
        }
        if lowered {
            self.hold(id);
        }
        // While the plan is held no step up is looked for, so nothing is padded: the queue drains.
        let floor_bps = if held || lowered { used_bps } else { minimum_bps };
        // What is wanted stays wanted: a hold caps the plan, not the aim of the estimator.
        let desired_bps = if held { before.desired_bps } else { desired_bps.saturating_add(audio_bps) };
        let desired_bps = desired_bps.min(cap_bps);
        let bandwidth = Bandwidth { minimum_bps: floor_bps.saturating_add(audio_bps).min(desired_bps), desired_bps };
        let member = self.members.get_mut(&id).expect("looked up above");
        if member.bandwidth != bandwidth {
            member.bandwidth = bandwidth;
            self.media(MediaOutput::Bandwidth { member: id, bandwidth });
        }
    }

    /// Keeps a member's plan from rising for a while.
    fn hold(&mut self, id: MemberId) {
        let until = self.now.saturating_add(limits::UP_HOLD);
        let member = self.members.get_mut(&id).expect("only members have plans");
        if let Some(before) = member.held_until.replace(until) {
            self.holds.remove(&(before, id));
        }
        self.holds.insert((until, id));
    }

    /// A plan may rise again.
    pub(super) fn release(&mut self, id: MemberId) {
        self.members.get_mut(&id).expect("holds end with their members").held_until = None;
        self.plan(id);
    }

    fn layers_bps(&self, stream: StreamId) -> Vec<BitsPerSecond> {
        let known = &self.streams[&stream];
        known.info.offer.layers.iter().zip(&known.measured_bps).map(|(layer, measured)| needed_bps(layer.max_bps, *measured)).collect()
    }

    /// Points a member's video at another layer, and asks for the key frame that the switch waits for.
    fn retarget(&mut self, id: MemberId, stream: StreamId, target: Option<LayerId>) {
        self.wait_no_longer(id, stream);
        let now = self.now;
        let plan = self.video_plan_mut(id, stream).expect("only subscribed video is retargeted");
        plan.target = target;
        if target.is_none() {
            plan.current = None;
        }
        let waits_for = target.filter(|layer| plan.current != Some(*layer));
        plan.waiting_since = waits_for.map(|_| now);
        self.media(MediaOutput::Layer { member: id, stream, target });
        if let Some(layer) = waits_for {
            self.waiting.insert((stream, layer, id));
            if self.key_frames.want(now, stream, layer) {
                self.ask_for_key_frame(stream, layer);
            }
        }
    }

    fn switched(&mut self, id: MemberId, stream: StreamId, layer: LayerId) {
        let now = self.now;
        let layers = self.streams.get(&stream).map_or(0, |known| known.info.offer.layers.len());
        let Some(plan) = self.video_plan_mut(id, stream) else { return };
        if plan.target.is_none() || usize::from(layer.0) >= layers {
            return; // news of what was paused meanwhile: what flowed then must wait for a key frame again
        }
        let from = plan.current.replace(layer);
        if plan.target != Some(layer) {
            return;
        }
        let waited = plan.waiting_since.take().map_or(Duration::ZERO, |since| now.saturating_since(since));
        self.waiting.remove(&(stream, layer, id));
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
        let (Some(layer), Some(_)) = (plan.target, plan.waiting_since.take()) else {
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

/// The lowest layer up to `wanted` that flows and whose picture is as large as `min_height`; where none is, the highest that flows.
fn lowest_worth_having(layers: &[Layer], layers_bps: &[BitsPerSecond], wanted: LayerId, min_height: u16) -> Option<LayerId> {
    let ladder = (0..=wanted.0).map(LayerId).zip(layers.iter().zip(layers_bps));
    let flowing = ladder.filter(|(_, (_, bps))| **bps > 0).map(|(id, (layer, _))| (id, layer.short_side() >= min_height));
    flowing.clone().find(|(_, reaches)| *reaches).or_else(|| flowing.clone().next_back()).map(|(id, _)| id)
}

/// What a layer is taken to need: nothing when it was measured not to flow, else what its publisher declared, or what it really sends where that is more than a quarter
/// above. Pictures differ in size and key frames are large, so half a second easily comes out a fifth above the mean; a plan on noise would flap.
fn needed_bps(declared: BitsPerSecond, measured: Option<BitsPerSecond>) -> BitsPerSecond {
    match measured {
        Some(0) => 0,
        Some(measured) if measured > declared.saturating_add(declared / 4) => measured,
        Some(_) | None => declared,
    }
}

fn scaled(bps: BitsPerSecond, times: u64, parts: u64) -> BitsPerSecond {
    u64::try_from(u128::from(bps) * u128::from(times) / u128::from(parts)).unwrap_or(u64::MAX)
}
