//! What holds of every plan, whatever is wanted: the claims A1 to A14 that a good allocator can be held to, on scenes made up by chance, and a plain model of the chain of steps beside it.
//!
//! Claims about time (A9 in part, A10) and about measurements (A12, A14) are the room's: see `layers.rs`, `trust.rs` and `measured.rs`.

#[path = "select/model.rs"]
mod model;
#[path = "select/scene.rs"]
mod scene;

use std::collections::BTreeMap;

use greenroom_core::{
    id::{LayerId, StreamId, TemporalId},
    select::{Allocation, Budget, Layer, Offer, Planner, Reason, Rung, Source, Wish, allocate},
    stream::BitsPerSecond,
};
use proptest::{collection::vec, prelude::*, sample::SizeRange};

use crate::scene::{Scene, Wanted, chain, layer, live, plan, rates, wanted};

/// Ladders as they are declared, and as they are measured: with holes, and not always rising.
fn ladder_bps() -> impl Strategy<Value = Vec<BitsPerSecond>> {
    let declared = (10_u64..400, 2_u64..5, 1_usize..4)
        .prop_map(|(kbps, factor, layers)| core::iter::successors(Some(kbps * 1000), |bps| Some(bps * factor)).take(layers).collect());
    let measured = vec(prop_oneof![1 => Just(0), 4 => 1_u64..3_000_000], 0..=9);
    // Few different rates, so that there are ties.
    let coarse = vec((0_u64..20).prop_map(|times| times * 50_000), 0..=6);
    prop_oneof![declared, measured, coarse]
}

/// What a stream is made of: priority, whether its viewer insists, source, ladder, what it has.
type Part = (u8, bool, Source, Vec<BitsPerSecond>, Option<usize>);

fn scenes(count: impl Into<SizeRange>, priorities: u8) -> impl Strategy<Value = Scene> {
    let source = prop_oneof![3 => Just(Source::Camera), 1 => Just(Source::Screen)];
    let one = (0..priorities, prop::bool::weighted(0.2), source, ladder_bps(), prop::option::of(0_usize..12));
    vec(one, count).prop_flat_map(|parts| {
        let wish = |(stream, (priority, insists, source, ladder_bps, current)): (u32, Part)| Wanted {
            insists,
            source,
            current: current.map(layer),
            ..wanted(stream, priority, &ladder_bps)
        };
        let scene: Scene = (1_u32..).zip(parts).map(wish).collect();
        Just(scene).prop_shuffle()
    })
}

/// The same, and nobody has anything yet.
fn cold_scenes(count: impl Into<SizeRange>, priorities: u8) -> impl Strategy<Value = Scene> {
    scenes(count, priorities).prop_map(|scene| scene.into_iter().map(|wanted| Wanted { current: None, ..wanted }).collect())
}

fn budgets() -> impl Strategy<Value = Budget> {
    let keep = prop_oneof![0_u64..10_000_000, 0_u64..1_000_000];
    (keep, prop_oneof![Just(1000_u64), 500_u64..=1000])
        .prop_map(|(keep_bps, permille)| Budget { keep_bps, climb_bps: keep_bps * permille / 1000 })
}

fn of(scene: &[Wanted], stream: StreamId) -> &Wanted {
    scene.iter().find(|wanted| wanted.stream == stream.0).expect("a choice answers a demand")
}

fn layers(allocation: &Allocation) -> Vec<(StreamId, Option<Layer>)> {
    allocation.choices.iter().map(|choice| (choice.stream, choice.layer)).collect()
}

/// The scene, with what was chosen as what its streams have.
fn settled(scene: &[Wanted], allocation: &Allocation) -> Scene {
    let chosen: BTreeMap<u32, Option<Layer>> = allocation.choices.iter().map(|choice| (choice.stream.0, choice.layer)).collect();
    scene.iter().map(|wanted| Wanted { current: chosen[&wanted.stream], ..wanted.clone() }).collect()
}

/// Whether every stream has at least as much in `more`.
fn none_lower(scene: &[Wanted], less: &Allocation, more: &Allocation) -> bool {
    rates(scene, less).into_iter().zip(rates(scene, more)).all(|((_, less), (_, more))| less <= more)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    // A1: what is chosen fits.
    #[test]
    fn choices_are_wanted_flow_and_fit(budget in budgets(), scene in scenes(0..10, 3)) {
        let allocation = plan(budget, &scene);
        prop_assert_eq!(allocation.choices.len(), scene.len());
        prop_assert!(allocation.choices.is_sorted_by(|a, b| a.stream < b.stream));
        let mut sum = 0;
        for choice in &allocation.choices {
            let wanted = of(&scene, choice.stream);
            let bps = wanted.bps(choice.layer);
            prop_assert!(choice.layer.is_none() || wanted.ladder_bps().contains(&bps), "a rung that flows, and costs less than all better ones");
            sum += bps;
        }
        prop_assert_eq!(allocation.used_bps, sum);
        prop_assert!(sum <= budget.keep_bps);
        prop_assert!(sum <= allocation.minimum_bps && allocation.minimum_bps <= allocation.desired_bps);
    }

    // A2: neither the number of live streams nor the total falls when the budget rises; and more than that, nobody is lowered.
    #[test]
    fn nobody_is_lowered_because_the_budget_rose(budget in budgets(), more_keep in 0_u64..2_000_000, more_climb in 0_u64..2_000_000, scene in scenes(0..10, 3)) {
        let more = Budget { keep_bps: budget.keep_bps + more_keep, climb_bps: budget.climb_bps + more_climb };
        let (less, more) = (plan(budget, &scene), plan(more, &scene));
        prop_assert!(none_lower(&scene, &less, &more));
        prop_assert!(live(&less) <= live(&more) && less.used_bps <= more.used_bps);
    }

    // A2, A8: from nothing to everything there are as many plans as rungs, and each raises one stream by one rung.
    #[test]
    fn plans_for_rising_budgets_are_a_chain_of_single_steps(scene in cold_scenes(0..8, 3)) {
        let plans = chain(&scene);
        prop_assert_eq!(plans.len(), 1 + scene.iter().map(|wanted| wanted.ladder_bps().len()).sum::<usize>());
        for pair in plans.windows(2) {
            let (before, after) = (rates(&scene, &pair[0].1), rates(&scene, &pair[1].1));
            let raised: Vec<u32> = before.keys().copied().filter(|stream| before[stream] != after[stream]).collect();
            prop_assert_eq!(raised.len(), 1);
            let ladder_bps = of(&scene, StreamId(raised[0])).ladder_bps();
            let next = ladder_bps.iter().position(|bps| *bps == before[&raised[0]]).map_or(0, |at| at + 1);
            prop_assert_eq!(after[&raised[0]], ladder_bps[next]);
        }
    }

    // A8, and the order of steps: what a plain model of it says.
    #[test]
    fn the_steps_are_those_of_the_model(scene in cold_scenes(0..8, 4)) {
        let steps = model::chain(&scene);
        let plans = chain(&scene);
        prop_assert_eq!(plans.len(), steps.len() + 1);
        let mut total_bps = 0;
        for (step, pair) in steps.iter().zip(plans.windows(2)) {
            total_bps += step.bps;
            prop_assert_eq!(pair[1].1.used_bps, total_bps);
            prop_assert_eq!(rates(&scene, &pair[1].1)[&step.stream], step.to_bps);
            prop_assert_ne!(rates(&scene, &pair[0].1)[&step.stream], step.to_bps);
        }
    }

    // A3: who can have everything has it.
    #[test]
    fn enough_for_all_is_everything_for_each(scene in scenes(0..10, 3), spare in 0_u64..1000) {
        let top_bps: BitsPerSecond = scene.iter().filter_map(|wanted| wanted.ladder_bps().last().copied()).sum();
        let allocation = plan(Budget::of(top_bps + spare), &scene);
        prop_assert!(allocation.choices.iter().all(|choice| matches!(choice.reason, Reason::Highest | Reason::NoLayer)));
        prop_assert_eq!((allocation.used_bps, allocation.minimum_bps, allocation.desired_bps), (top_bps, top_bps, top_bps));
    }

    // A4, A6: nobody climbs while somebody waits for a floor.
    #[test]
    fn all_are_live_before_one_climbs(budget in budgets(), scene in scenes(0..10, 3)) {
        let rates = rates(&scene, &plan(budget, &scene));
        let waits = scene.iter().any(|wanted| rates[&wanted.stream] == 0 && !wanted.ladder_bps().is_empty());
        let climbed = scene.iter().any(|wanted| wanted.ladder_bps().first().is_some_and(|floor_bps| rates[&wanted.stream] > *floor_bps));
        prop_assert!(!waits || !climbed);
    }

    // A6: floors go in order of priority; what goes ahead of one costs together at most an eighth of it.
    #[test]
    fn floors_go_by_priority(budget_bps in 0_u64..3_000_000, scene in cold_scenes(0..10, 3)) {
        let rates = rates(&scene, &plan(Budget::of(budget_bps), &scene));
        for priority in 0..3 {
            let of_class = || scene.iter().filter(|wanted| wanted.priority == priority);
            let floors = |live: bool| of_class().filter(|w| (rates[&w.stream] > 0) == live).filter_map(|w| w.ladder_bps().first().copied()).collect::<Vec<_>>();
            if let Some(next_bps) = floors(false).into_iter().min() {
                let of_lower_bps: BitsPerSecond = scene.iter().filter(|wanted| wanted.priority < priority).map(|wanted| rates[&wanted.stream]).sum();
                prop_assert!(of_lower_bps * 8 <= floors(true).iter().sum::<BitsPerSecond>() + next_bps);
            }
        }
    }

    // A5: of two that want the same, the higher priority's has at least as much.
    #[test]
    fn a_higher_priority_is_never_served_worse(budget_bps in 0_u64..10_000_000, mut scene in cold_scenes(2..10, 3), insists: bool) {
        let shared = Wanted { insists, ..scene[0].clone() };
        scene[1] = Wanted { stream: scene[1].stream, priority: shared.priority + 1, ..shared.clone() };
        scene[0] = shared;
        let rates = rates(&scene, &plan(Budget::of(budget_bps), &scene));
        prop_assert!(rates[&scene[1].stream] >= rates[&scene[0].stream]);
    }

    // A5: and a lower priority delays a stream by no more than what its class has, an eighth of that for floors.
    #[test]
    fn a_lower_priority_delays_a_higher_one_by_as_much_as_it_takes_at_most(budget_bps in 0_u64..10_000_000, scene in cold_scenes(1..10, 2)) {
        let upper: Scene = scene.iter().filter(|wanted| wanted.priority == 1).cloned().collect();
        let floors_bps: BitsPerSecond = scene.iter().filter(|wanted| wanted.priority == 0).filter_map(|wanted| wanted.ladder_bps().first().copied()).sum();
        let alone = plan(Budget::of(budget_bps), &upper);
        let among_all = plan(Budget::of(floors_bps + 2 * budget_bps), &scene);
        let (alone, among_all) = (rates(&upper, &alone), rates(&scene, &among_all));
        prop_assert!(alone.iter().all(|(stream, bps)| among_all[stream] >= *bps));
    }

    // A7, as far as never lowering allows: what stays idle is less than the next step, whoever waits is told whose that is, and with what it needs that one is raised.
    #[test]
    fn what_stays_idle_is_less_than_the_next_step(budget in budgets(), scene in scenes(0..10, 3)) {
        let first = plan(budget, &scene);
        let waiting: Vec<_> = first.choices.iter().filter(|choice| !matches!(choice.reason, Reason::Highest | Reason::NoLayer)).collect();
        prop_assert_eq!(waiting.is_empty(), first.minimum_bps == first.used_bps);
        let own: Vec<_> = waiting.iter().filter(|choice| !matches!(choice.reason, Reason::Behind { .. })).collect();
        prop_assert_eq!(own.len(), usize::from(!waiting.is_empty()), "one stream's step is the next");
        for choice in &waiting {
            let (next, needs_bps, budget_bps) = match choice.reason {
                Reason::Budget { needs_bps, budget_bps } | Reason::Settling { needs_bps, budget_bps } => (choice.stream, needs_bps, budget_bps),
                Reason::Behind { stream, needs_bps, budget_bps } => (stream, needs_bps, budget_bps),
                Reason::Highest | Reason::NoLayer => unreachable!("those do not wait"),
            };
            prop_assert_eq!((next, needs_bps), (own[0].stream, first.minimum_bps));
            prop_assert!(needs_bps > budget_bps && (budget_bps == budget.keep_bps || budget_bps == budget.climb_bps));
            prop_assert_eq!(matches!(own[0].reason, Reason::Settling { .. }), budget_bps < needs_bps && needs_bps <= budget.keep_bps);
        }
        if let Some(next) = own.first() {
            let raised = plan(Budget::of(first.minimum_bps), &scene);
            let (before, after) = (rates(&scene, &first), rates(&scene, &raised));
            prop_assert!(none_lower(&scene, &first, &raised) && after[&next.stream.0] > before[&next.stream.0]);
        }
    }

    // A9: who keeps what is there at the lower of two budgets, and climbs at none, stays.
    #[test]
    fn a_plan_stands_while_nothing_changes(budget in budgets(), scene in scenes(0..10, 3)) {
        let first = plan(budget, &scene);
        let again = plan(budget, &settled(&scene, &first));
        prop_assert_eq!(layers(&again), layers(&first));
        prop_assert_eq!((again.used_bps, again.minimum_bps, again.desired_bps), (first.used_bps, first.minimum_bps, first.desired_bps));
    }

    // A9: an estimate that wavers by a tenth, with a margin of 15 %, changes a plan once at most.
    #[test]
    fn an_estimate_that_wavers_settles_at_once(bps in 0_u64..10_000_000, waver in vec(900_u64..=1000, 20), mut scene in scenes(0..10, 3)) {
        let margin = |keep_bps: u64| Budget { keep_bps, climb_bps: keep_bps * 1000 / 1150 };
        scene = settled(&scene, &plan(margin(bps), &scene));
        scene = settled(&scene, &plan(margin(bps * 9 / 10), &scene));
        let had: Vec<_> = scene.iter().map(|wanted| wanted.current).collect();
        for permille in waver {
            scene = settled(&scene, &plan(margin(bps * permille / 1000), &scene));
            prop_assert_eq!(&scene.iter().map(|wanted| wanted.current).collect::<Vec<_>>(), &had);
        }
    }

    // A10: nothing in a plan takes time. Everything at once when there is enough, and at once within what is left.
    #[test]
    fn a_plan_follows_its_budget_at_once(before in budgets(), scene in cold_scenes(0..10, 3)) {
        let had = settled(&scene, &plan(before, &scene));
        let enough = Budget::of(plan(before, &scene).desired_bps);
        prop_assert!(plan(enough, &had).choices.iter().all(|choice| matches!(choice.reason, Reason::Highest | Reason::NoLayer)));
        let little = Budget::of(before.keep_bps / 3);
        prop_assert_eq!(layers(&plan(little, &had)), layers(&plan(little, &scene)), "without a margin the past makes no difference");
    }

    // What is had counts between the two budgets, and nowhere else.
    #[test]
    fn a_plan_lies_between_those_for_its_two_budgets(budget in budgets(), scene in scenes(0..10, 3)) {
        let (least, most) = (plan(Budget::of(budget.climb_bps), &scene), plan(Budget::of(budget.keep_bps), &scene));
        let between = plan(budget, &scene);
        prop_assert!(none_lower(&scene, &least, &between) && none_lower(&scene, &between, &most));
    }

    // A11: neither the order of the demands nor what was planned before makes a difference.
    #[test]
    fn a_plan_depends_on_what_is_asked_and_on_nothing_else(budget in budgets(), scene in scenes(0..10, 3), other in scenes(0..10, 5), turn in 0_usize..10) {
        let mut turned = scene.clone();
        turned.rotate_left(turn % scene.len().max(1));
        turned.reverse();
        let mut used = Planner::default();
        used.plan(Budget::of(1_000_000), &other.iter().map(Wanted::demand).collect::<Vec<_>>());
        used.plan(budget, &turned.iter().map(Wanted::demand).collect::<Vec<_>>());
        prop_assert_eq!(plan(budget, &scene), used.into_allocation());
    }

    // A13: where the wanted picture is not there, the next smaller one stands for it, and a larger one only where there is no smaller.
    // R-118 R-119
    #[test]
    fn a_missing_layer_is_replaced_by_the_next_lower(sides in vec(1_u16..9, 0..9), most in prop::option::of(0_u16..9), least in prop::option::of(0_u16..9), screen: bool) {
        let offers: Vec<Offer> = sides.iter().enumerate().map(|(at, side)| Offer { short_side: *side, rung: Rung { layer: layer(at), bps: 1 + at as u64 * 7 % 5 } }).collect();
        let source = if screen { Source::Screen } else { Source::Camera };
        let mut rungs = Vec::new();
        Wish { source, min_short_side: least, max_short_side: most }.ladder(&offers, &mut rungs);
        let chosen: Vec<u16> = rungs.iter().map(|rung| offers.iter().find(|offer| offer.rung.layer == rung.layer).expect("it is offered").short_side).collect();
        let fitting: Vec<u16> = sides.iter().copied().filter(|side| most.is_none_or(|most| *side <= most)).collect();
        if most == Some(0) || sides.is_empty() {
            prop_assert!(chosen.is_empty());
        } else if let Some(largest) = fitting.iter().max() {
            let kept = fitting.iter().filter(|side| least.is_none_or(|least| **side >= least.min(*largest)));
            prop_assert_eq!(chosen.len(), kept.count());
            prop_assert!(chosen.iter().all(|side| fitting.contains(side)));
        } else {
            let smallest = sides.iter().min();
            prop_assert!(chosen.iter().all(|side| Some(side) == smallest) && !chosen.is_empty());
        }
        let in_order = match source {
            Source::Camera => rungs.is_sorted_by_key(|rung| rung.bps),
            Source::Screen => rungs.is_sorted_by_key(|rung| rung.layer),
        };
        prop_assert!(in_order);
    }

    // Live first: no set of streams that fits is larger than the one chosen, where all are equals.
    #[test]
    fn as_many_equals_are_live_as_could_be(budget_bps in 0_u64..3_000_000, scene in scenes(0..9, 1)) {
        let floors: Vec<BitsPerSecond> = scene.iter().filter_map(|wanted| wanted.ladder_bps().first().copied()).collect();
        let best = (0_u32..1 << floors.len())
            .filter(|set| (0..floors.len()).filter(|i| set >> i & 1 == 1).map(|i| floors[i]).sum::<u64>() <= budget_bps)
            .map(u32::count_ones)
            .max();
        prop_assert_eq!(u32::try_from(live(&plan(Budget::of(budget_bps), &scene))).ok(), best);
    }

    // Max-min fair: among equals with one ladder, nobody is two rungs above another.
    #[test]
    fn equals_with_one_ladder_differ_by_a_rung_at_most(budget_bps in 0_u64..10_000_000, ladder_bps in ladder_bps(), streams in 2_u32..7) {
        let scene: Scene = (0..streams).map(|stream| wanted(stream, 0, &ladder_bps)).collect();
        let rates = rates(&scene, &plan(Budget::of(budget_bps), &scene));
        let rungs = scene[0].ladder_bps();
        let places = rates.values().map(|bps| rungs.iter().position(|rung| rung == bps).map_or(0, |at| at + 1));
        let (most, least) = (places.clone().max(), places.min());
        prop_assert!(most <= least.map(|least| least + 1));
        // The lower id goes first.
        prop_assert!(rates.values().is_sorted_by(|a, b| a >= b));
    }

    // Max-min fair: who waits for a climb sees equals climb to no more than three times where it leads, less twice where it stands; or what its own climbs so far stood at.
    #[test]
    fn equals_climb_to_rates_that_compare(budget_bps in 0_u64..10_000_000, scene in cold_scenes(2..8, 1)) {
        let rates = rates(&scene, &plan(Budget::of(budget_bps), &scene));
        let levels = |wanted: &Wanted| -> Vec<(BitsPerSecond, BitsPerSecond)> {
            let levels = wanted.ladder_bps().windows(2).map(|pair| (pair[0], 3 * pair[1] - 2 * pair[0])).collect::<Vec<_>>();
            levels.iter().enumerate().map(|(at, (from_bps, _))| (*from_bps, levels[..=at].iter().map(|level| level.1).max().unwrap_or(0))).collect()
        };
        for waiting in &scene {
            let Some((_, level)) = levels(waiting).into_iter().find(|(from_bps, _)| *from_bps == rates[&waiting.stream]) else { continue };
            for other in &scene {
                let floor_bps = other.ladder_bps().first().copied().unwrap_or(0);
                prop_assert!(rates[&other.stream] <= level.max(floor_bps));
            }
        }
    }

    #[test]
    fn no_number_is_too_large(keep_bps: u64, climb_bps: u64, ladders in vec(vec(any::<u64>(), 0..200), 0..4), priority: u8) {
        let scene: Scene = (1_u32..).zip(&ladders).map(|(stream, ladder_bps)| wanted(stream, priority, ladder_bps)).collect();
        let budget = Budget { keep_bps, climb_bps };
        prop_assert!(plan(budget, &scene).used_bps <= keep_bps);
    }
}

const KBPS: BitsPerSecond = 1000;
/// A camera's three layers: 180p, 360p, 720p.
const CAMERA: &[BitsPerSecond] = &[150 * KBPS, 500 * KBPS, 1500 * KBPS];

#[test]
fn a_thumbnail_does_not_wait_for_a_speaker_who_is_of_no_use_when_small() {
    // Given a speaker who is wanted at 2.5 Mbps or not at all, and four thumbnails: the 2 Mbps that lie idle while a thumbnail of 57 kbps waits are a complaint about Jitsi Videobridge (#2444),
    let mut scene = vec![wanted(1, 1, &[2500 * KBPS])];
    scene.extend((2..=5).map(|stream| wanted(stream, 0, &[57 * KBPS, 180 * KBPS])));
    let at = |bps| plan(Budget::of(bps), &scene);
    // then the thumbnails flow as soon as they fit,
    assert_eq!(live(&at(228 * KBPS)), 4);
    // whoever asks is told why they are no sharper, and what is idle is less than that step;
    let waiting = at(2000 * KBPS);
    assert_eq!(waiting.choices[0].reason, Reason::Budget { needs_bps: 2728 * KBPS, budget_bps: 2000 * KBPS });
    assert_eq!(waiting.choices[4].reason, Reason::Behind { stream: StreamId(1), needs_bps: 2728 * KBPS, budget_bps: 2000 * KBPS });
    // and the speaker pays for all four less than a tenth of what it takes itself.
    assert_eq!(live(&at(2728 * KBPS)), 5);
}

#[test]
fn the_speaker_goes_first_and_small_steps_of_others_go_ahead_of_its_large_ones() {
    let scene = [wanted(1, 1, CAMERA), wanted(2, 0, CAMERA), wanted(3, 0, &[50 * KBPS, 100 * KBPS])];
    let steps: Vec<(u32, BitsPerSecond)> = model::chain(&scene).iter().map(|step| (step.stream, step.to_bps / KBPS)).collect();
    // The thumbnail's floor is not small beside the others', but its climb is beside the speaker's; the other camera's never are.
    assert_eq!(steps, [(1, 150), (3, 50), (2, 150), (3, 100), (1, 500), (1, 1500), (2, 500), (2, 1500)]);
}

#[test]
fn thumbnails_get_sharp_before_the_speaker_gets_sharper() {
    let thumbnail = |stream| wanted(stream, 0, &[50 * KBPS, 150 * KBPS]);
    let scene = [wanted(1, 1, CAMERA), thumbnail(2), thumbnail(3), thumbnail(4), thumbnail(5), thumbnail(6)];
    let steps: Vec<(u32, BitsPerSecond)> = model::chain(&scene).iter().map(|step| (step.stream, step.to_bps / KBPS)).skip(6).collect();
    // To as much as the speaker has leads only what is a third of its step: one. To less leads what is no more than its step: the others, and together they are half of it.
    assert_eq!(steps, [(2, 150), (1, 500), (3, 150), (4, 150), (5, 150), (6, 150), (1, 1500)]);
}

#[test]
fn a_screens_large_step_does_not_hold_up_what_costs_no_more() {
    let screen = Wanted { source: Source::Screen, ..wanted(1, 1, &[100 * KBPS, 350 * KBPS, 1000 * KBPS]) };
    let scene = [screen, wanted(2, 0, CAMERA), wanted(3, 0, &[50 * KBPS, 150 * KBPS])];
    let steps: Vec<(u32, BitsPerSecond)> = model::chain(&scene).iter().map(|step| (step.stream, step.to_bps / KBPS)).collect();
    // Its first climb is dearer than the thumbnail's, its second than that of the camera to 360 lines.
    assert_eq!(steps, [(1, 100), (3, 50), (2, 150), (3, 150), (1, 350), (2, 500), (1, 1000), (2, 1500)]);
}

#[test]
fn among_equals_the_lowest_is_raised_first() {
    let scene = [wanted(1, 0, CAMERA), wanted(2, 0, &[100 * KBPS, 200 * KBPS, 400 * KBPS, 800 * KBPS])];
    let steps: Vec<(u32, BitsPerSecond)> = model::chain(&scene).iter().map(|step| (step.stream, step.to_bps / KBPS)).collect();
    assert_eq!(steps, [(2, 100), (1, 150), (2, 200), (2, 400), (1, 500), (2, 800), (1, 1500)]);
}

//
#[test]
fn of_two_floors_that_cost_the_same_the_one_that_was_asked_for_goes_first() {
    let scene = [wanted(1, 0, CAMERA), Wanted { insists: true, ..wanted(2, 0, CAMERA) }];
    let allocation = plan(Budget::of(155 * KBPS), &scene);
    assert_eq!(layers(&allocation), [(StreamId(1), None), (StreamId(2), Some(layer(0)))]);
    assert_eq!(allocation.choices[0].reason.to_string(), "the next layer needs 300 kbps of 155 kbps");
}

#[test]
fn a_layer_that_is_had_stays_while_it_can_be_kept() {
    let budget = Budget { keep_bps: 1500 * KBPS, climb_bps: 1300 * KBPS };
    let had = |at: Option<usize>| plan(budget, &[Wanted { current: at.map(layer), ..wanted(1, 0, CAMERA) }]);
    assert_eq!(had(Some(2)).choices[0].layer, Some(layer(2)));
    let climbing = had(Some(1));
    assert_eq!(climbing.choices[0].layer, Some(layer(1)));
    assert_eq!(climbing.choices[0].reason.to_string(), "the next layer could be kept, but to climb takes 1500 kbps of 1300 kbps");
    assert_eq!(climbing.minimum_bps, 1500 * KBPS);
}

#[test]
fn a_vanished_layer_is_passed_over() {
    let top = |bps, ladder: &[BitsPerSecond], current| {
        let budget = Budget { keep_bps: bps, climb_bps: bps * 4 / 5 };
        plan(budget, &[Wanted { current, ..wanted(1, 0, ladder) }]).choices[0].layer
    };
    // The middle layer is missing: the way up leads over it.
    assert_eq!(top(10_000 * KBPS, &[150 * KBPS, 0, 1500 * KBPS], None), Some(layer(2)));
    // The layer that was had vanished: the next lower one counts as had.
    assert_eq!(top(500 * KBPS, &[150 * KBPS, 500 * KBPS, 0], Some(layer(2))), Some(layer(1)));
    // The lowest is missing.
    assert_eq!(top(700 * KBPS, &[0, 500 * KBPS, 0], None), Some(layer(1)));
    let gone = plan(Budget::of(600 * KBPS), &[wanted(1, 0, &[0, 0, 0]), wanted(2, 0, &[])]);
    assert!(gone.choices.iter().all(|choice| choice.layer.is_none() && choice.reason == Reason::NoLayer));
}

#[test]
fn a_layer_that_costs_as_much_as_a_better_one_is_passed_over() {
    let rungs = |ladder: &[BitsPerSecond]| wanted(1, 0, ladder).ladder_bps();
    // The still 720p picture costs less than the moving 360p one, which is then no rung:
    assert_eq!(rungs(&[150 * KBPS, 500 * KBPS, 400 * KBPS]), [150 * KBPS, 400 * KBPS]);
    // who had it keeps the better one, which takes no more.
    let budget = Budget { keep_bps: 450 * KBPS, climb_bps: 200 * KBPS };
    let had = Wanted { current: Some(layer(1)), ..wanted(1, 0, &[150 * KBPS, 500 * KBPS, 400 * KBPS]) };
    assert_eq!(plan(budget, &[had]).choices[0].layer, Some(layer(2)));
}

#[test]
fn text_is_large_before_it_moves() {
    // Given a screen whose large picture at 7.5 pictures a second takes less than a small one at 30,
    let rung = |spatial, temporal, kbps: u64| Rung {
        layer: Layer { spatial: LayerId(spatial), temporal: TemporalId(temporal) },
        bps: kbps * KBPS,
    };
    let offered = [(360, rung(0, 0, 100)), (360, rung(0, 1, 900)), (1080, rung(1, 0, 700)), (1080, rung(1, 1, 2000))];
    let offers = offered.map(|(short_side, rung)| Offer { rung, short_side });
    let at = |source, bps| {
        let mut rungs = Vec::new();
        Wish { source, min_short_side: None, max_short_side: None }.ladder(&offers, &mut rungs);
        let wanted = Wanted { rungs, ..wanted(1, 0, &[]) };
        allocate(Budget::of(bps), &[wanted.demand()]).choices[0].layer.map(|layer| (layer.spatial.0, layer.temporal.0))
    };
    // then the large one is chosen, even where there is enough for the small one that moves;
    assert_eq!(at(Source::Screen, 1000 * KBPS), Some((1, 0)));
    // of a camera the one that takes more bits is.
    assert_eq!(at(Source::Camera, 1000 * KBPS), Some((0, 1)));
}
