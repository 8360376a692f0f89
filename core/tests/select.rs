//! What holds of every allocation, and of key-frame requests under any use.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    id::{LayerId, StreamId},
    limits,
    select::{Allocation, Demand, KeyFrameRequests, Reason, UP_MARGIN_PERMILLE, allocate},
    stream::BitsPerSecond,
    time::Instant,
};
use proptest::{collection::vec, option, prelude::*, sample::SizeRange};

/// A demand that owns its ladder.
#[derive(Clone, Debug)]
struct Wish {
    stream: u32,
    min_layer: Option<u8>,
    max_layer: Option<u8>,
    layer_bps: Vec<BitsPerSecond>,
    current: Option<u8>,
}

impl Wish {
    fn demand(&self) -> Demand<'_> {
        Demand {
            stream: StreamId(self.stream),
            min_layer: self.min_layer.map(LayerId),
            max_layer: self.max_layer.map(LayerId),
            layer_bps: &self.layer_bps,
            current: self.current.map(LayerId),
        }
    }

    /// What the layers need that flow, are wanted, and are worth having.
    fn needs(&self) -> Vec<BitsPerSecond> {
        let wanted = self.max_layer.map_or(0, |max| usize::from(max) + 1);
        let unwanted = self.min_layer.map_or(0, usize::from);
        self.layer_bps.iter().copied().take(wanted).skip(unwanted).filter(|bps| *bps > 0).collect()
    }

    fn bps(&self, layer: Option<LayerId>) -> BitsPerSecond {
        layer.map_or(0, |layer| self.layer_bps[usize::from(layer.0)])
    }
}

/// Ladders as they are declared, and as they are measured: with holes, and not always rising.
fn layer_bps() -> impl Strategy<Value = Vec<BitsPerSecond>> {
    let declared = (10_u64..400, 2_u64..5, 1_usize..4)
        .prop_map(|(kbps, factor, layers)| core::iter::successors(Some(kbps * 1000), |bps| Some(bps * factor)).take(layers).collect());
    let measured = vec(prop_oneof![1 => Just(0), 4 => 1_u64..3_000_000], 0..=limits::LAYERS_PER_STREAM);
    prop_oneof![declared, measured]
}

fn wishes(count: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Wish>> {
    let one = (option::weighted(0.3, 0_u8..4), option::weighted(0.9, 0_u8..7), layer_bps(), option::of(0_u8..7));
    vec(one, count).prop_flat_map(|parts| {
        let wish = |(stream, (min_layer, max_layer, layer_bps, current))| Wish { stream, min_layer, max_layer, layer_bps, current };
        let wishes: Vec<Wish> = (1_u32..).zip(parts).map(wish).collect();
        Just(wishes).prop_shuffle()
    })
}

fn budget() -> impl Strategy<Value = BitsPerSecond> {
    prop_oneof![0_u64..10_000_000, 0_u64..1_000_000]
}

fn ask(budget_bps: BitsPerSecond, wishes: &[Wish]) -> Allocation {
    let demands: Vec<Demand<'_>> = wishes.iter().map(Wish::demand).collect();
    allocate(budget_bps, &demands)
}

/// The wishes, with what was chosen as what they have.
fn with_choices(wishes: &[Wish], allocation: &Allocation) -> Vec<Wish> {
    let chosen: BTreeMap<u32, Option<LayerId>> = allocation.choices.iter().map(|choice| (choice.stream.0, choice.layer)).collect();
    wishes.iter().map(|wish| Wish { current: chosen[&wish.stream].map(|layer| layer.0), ..wish.clone() }).collect()
}

fn live(allocation: &Allocation) -> usize {
    allocation.choices.iter().filter(|choice| choice.layer.is_some()).count()
}

proptest! {
    #[test]
    fn choices_are_wanted_flow_and_fit(budget_bps in budget(), wishes in wishes(0..10)) {
        let allocation = ask(budget_bps, &wishes);
        prop_assert_eq!(allocation.choices.len(), wishes.len());
        let mut sum = 0;
        for choice in &allocation.choices {
            let wish = wishes.iter().find(|wish| wish.stream == choice.stream.0).expect("a choice answers a demand");
            if let Some(layer) = choice.layer {
                prop_assert!(Some(layer.0) <= wish.max_layer);
                prop_assert!(wish.min_layer.is_none_or(|min| min <= layer.0));
                prop_assert!(wish.bps(choice.layer) > 0);
            }
            sum += wish.bps(choice.layer);
        }
        prop_assert_eq!(allocation.used_bps, sum);
        prop_assert!(sum <= budget_bps);
        prop_assert!(sum <= allocation.minimum_bps && allocation.minimum_bps <= allocation.desired_bps);
    }

    #[test]
    fn reasons_are_true(budget_bps in budget(), wishes in wishes(0..10)) {
        let allocation = ask(budget_bps, &wishes);
        for choice in &allocation.choices {
            let wish = wishes.iter().find(|wish| wish.stream == choice.stream.0).expect("a choice answers a demand");
            match choice.reason {
                Reason::Highest => prop_assert_eq!(Some(wish.bps(choice.layer)), wish.needs().last().copied()),
                Reason::Budget { needs_bps, budget_bps: told } => prop_assert!(told == budget_bps && needs_bps > budget_bps),
                Reason::Settling { needs_bps, budget_bps: told } => {
                    prop_assert!(told == budget_bps && needs_bps > budget_bps);
                    prop_assert!(needs_bps * 1000 / UP_MARGIN_PERMILLE <= budget_bps);
                    // Only what lies above the layer that the stream had takes the margin.
                    let had_bps = wish.current.and_then(|layer| wish.layer_bps.get(usize::from(layer)).copied());
                    prop_assert!(choice.layer.map(|layer| layer.0) >= wish.current || wish.bps(choice.layer) >= had_bps.unwrap_or(0));
                }
                Reason::NoLayer => prop_assert!(wish.needs().is_empty() && choice.layer.is_none()),
                Reason::NotWanted => prop_assert!(wish.max_layer.is_none() && choice.layer.is_none()),
            }
        }
    }

    #[test]
    fn the_order_of_the_demands_does_not_matter(budget_bps in budget(), wishes in wishes(0..10), turn in 0_usize..10) {
        let mut turned = wishes.clone();
        turned.rotate_left(turn % wishes.len().max(1));
        turned.reverse();
        prop_assert_eq!(ask(budget_bps, &wishes), ask(budget_bps, &turned));
    }

    #[test]
    fn a_choice_stands_while_nothing_changes(budget_bps in budget(), wishes in wishes(0..10)) {
        let first = ask(budget_bps, &wishes);
        let again = ask(budget_bps, &with_choices(&wishes, &first));
        let layers = |allocation: &Allocation| allocation.choices.iter().map(|choice| (choice.stream, choice.layer)).collect::<Vec<_>>();
        prop_assert_eq!(layers(&again), layers(&first));
        prop_assert_eq!((again.used_bps, again.minimum_bps, again.desired_bps), (first.used_bps, first.minimum_bps, first.desired_bps));
    }

    #[test]
    fn an_estimate_that_wavers_by_a_tenth_settles(budget_bps in budget(), mut wishes in wishes(0..10)) {
        let mut history = Vec::new();
        for round in 0..60 {
            let now_bps = if round % 2 == 0 { budget_bps } else { budget_bps - budget_bps / 10 };
            wishes = with_choices(&wishes, &ask(now_bps, &wishes));
            history.push(wishes.iter().map(|wish| wish.current).collect::<Vec<_>>());
        }
        prop_assert!(history[50..].windows(2).all(|pair| pair[0] == pair[1]), "{:?}", &history[50..]);
    }

    #[test]
    fn more_budget_never_means_fewer_live_streams(budget_bps in budget(), more_bps in 0_u64..2_000_000, wishes in wishes(0..10)) {
        prop_assert!(live(&ask(budget_bps + more_bps, &wishes)) >= live(&ask(budget_bps, &wishes)));
    }

    #[test]
    fn as_many_streams_are_live_as_could_be(budget_bps in 0_u64..3_000_000, mut wishes in wishes(0..9)) {
        // Given streams that all had their top layer, so that no step takes a margin,
        for wish in &mut wishes {
            wish.current = Some(6);
        }
        // then no set of streams that fits is larger than the one chosen.
        let cheapest: Vec<BitsPerSecond> = wishes.iter().filter_map(|wish| wish.needs().into_iter().min()).collect();
        let best = (0_u32..1 << cheapest.len())
            .filter(|set| (0..cheapest.len()).filter(|i| set >> i & 1 == 1).map(|i| cheapest[i]).sum::<u64>() <= budget_bps)
            .map(u32::count_ones)
            .max();
        prop_assert_eq!(u32::try_from(live(&ask(budget_bps, &wishes))).ok(), best);
    }

    #[test]
    fn reaching_the_minimum_changes_something_and_reaching_the_desired_gives_all(budget_bps in budget(), wishes in wishes(0..10)) {
        let first = ask(budget_bps, &wishes);
        let settled = with_choices(&wishes, &first);
        let blocked = first.choices.iter().any(|choice| matches!(choice.reason, Reason::Budget { .. } | Reason::Settling { .. }));
        if blocked {
            let next = ask(first.minimum_bps, &settled);
            prop_assert!(first.minimum_bps > budget_bps, "a step up that the budget allows was not taken");
            prop_assert!(next.choices.iter().zip(&first.choices).any(|(a, b)| a.layer > b.layer));
        } else {
            prop_assert_eq!(first.minimum_bps, first.used_bps);
        }
        let all = ask(first.desired_bps, &settled);
        prop_assert!(all.choices.iter().all(|choice| matches!(choice.reason, Reason::Highest | Reason::NoLayer | Reason::NotWanted)));
    }

    #[test]
    fn no_number_is_too_large(budget_bps in any::<u64>(), ladders in vec(vec(any::<u64>(), 0..300), 0..4), max in any::<u8>()) {
        let wishes: Vec<Wish> = (1_u32..).zip(ladders).map(|(stream, layer_bps)| Wish { stream, min_layer: None, max_layer: Some(max), layer_bps, current: None }).collect();
        prop_assert!(ask(budget_bps, &wishes).used_bps <= budget_bps);
    }
}

/// What happens to key-frame requests.
#[derive(Clone, Copy, Debug)]
enum Op {
    Want(u32, u8),
    Arrived(u32, u8),
    Cancel(u32, u8),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0_u32..3, 0_u8..2).prop_map(|(stream, layer)| Op::Want(stream, layer)),
        1 => (0_u32..3, 0_u8..2).prop_map(|(stream, layer)| Op::Arrived(stream, layer)),
        1 => (0_u32..3, 0_u8..2).prop_map(|(stream, layer)| Op::Cancel(stream, layer)),
        3 => (0_u64..400).prop_map(Op::Wait),
    ]
}

proptest! {
    /// An owner that wakes at every deadline, and an onlooker who knows two things of each layer: whether somebody waits, and when the publisher was last asked.
    #[test]
    fn who_waits_is_served_in_time_and_publishers_are_spared(ops in vec(op(), 0..200)) {
        let mut requests = KeyFrameRequests::default();
        let mut now = Instant::ZERO;
        let mut waiting: BTreeMap<(u32, u8), bool> = BTreeMap::new();
        let mut asked: BTreeMap<(u32, u8), Instant> = BTreeMap::new();
        let ask = |asked: &mut BTreeMap<(u32, u8), Instant>, key, now: Instant| {
            let since = asked.insert(key, now).map(|before| now.saturating_since(before));
            assert!(since.is_none_or(|since| since >= limits::KEY_FRAME_INTERVAL), "{key:?} was asked {since:?} after the last time");
        };
        for op in ops {
            match op {
                Op::Want(stream, layer) => {
                    waiting.insert((stream, layer), true);
                    if requests.want(now, StreamId(stream), LayerId(layer)) {
                        ask(&mut asked, (stream, layer), now);
                    }
                }
                Op::Arrived(stream, layer) => {
                    waiting.remove(&(stream, layer));
                    requests.arrived(StreamId(stream), LayerId(layer));
                }
                Op::Cancel(stream, layer) => {
                    waiting.remove(&(stream, layer));
                    requests.cancel(StreamId(stream), LayerId(layer));
                }
                Op::Wait(millis) => {
                    let until = now.saturating_add(Duration::from_millis(millis));
                    while let Some(at) = requests.poll_timeout().filter(|at| *at <= until) {
                        prop_assert!(at >= now);
                        now = at;
                        let mut due = 0;
                        while let Some((stream, layer)) = requests.take_due(now) {
                            prop_assert!(waiting.contains_key(&(stream.0, layer.0)), "nobody waits for {stream} {layer}");
                            ask(&mut asked, (stream.0, layer.0), now);
                            due += 1;
                        }
                        prop_assert!(due > 0, "a deadline with nothing to do");
                    }
                    now = until;
                }
            }
            // Nobody waits longer than the retry for the next request, and no deadline stands without a waiter.
            for key in waiting.keys() {
                prop_assert!(now.saturating_since(asked[key]) <= limits::KEY_FRAME_RETRY, "{key:?} is forgotten");
            }
            prop_assert_eq!(requests.poll_timeout().is_some(), !waiting.is_empty());
            prop_assert!(requests.len() <= asked.len());
        }
        for key in waiting.keys() {
            requests.cancel(StreamId(key.0), LayerId(key.1));
        }
        prop_assert_eq!(requests.take_due(now.saturating_add(limits::KEY_FRAME_INTERVAL)), None);
        prop_assert!(requests.is_empty());
    }
}
