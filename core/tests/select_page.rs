//! Keeps docs/SELECTION.md true: how well budgets are used, next to what peers do with them and to the best there is.
//!
//! `GREENROOM_UPDATE=1 cargo test -p greenroom-core --test select_page` writes the page's tables anew.

#[path = "select/exhaustive.rs"]
mod exhaustive;
#[path = "select/scene.rs"]
mod scene;

use core::fmt::Write as _;
use std::{fs, path::Path};

use greenroom_core::{
    rng::Rng,
    select::{Budget, Offer, Reason, Rung, Source, Wish},
    stream::BitsPerSecond,
};
use serde_json::Value;

use crate::{
    exhaustive::{Grid, best_chain, best_choices, float},
    scene::{Scene, Wanted, chain, layer, live, plan, rates, wanted},
};

/// The allocators of the data, in the order in which the page shows them.
const PEERS: [(&str, &str); 5] =
    [("livekit", "LiveKit"), ("mediasoup", "mediasoup"), ("jvb", "Jitsi Videobridge"), ("pulsebeam_cold", "PulseBeam"), ("atm0s", "atm0s")];

fn data(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    serde_json::from_str(&fs::read_to_string(path).expect("the file is here")).expect("it is JSON")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// The scenes of the comparison: four equal tiles, and a speaker beside three thumbnails.
fn scenes() -> [(&'static str, Scene); 2] {
    let curves = data("peer_allocation_curves.json");
    let ladder: Vec<BitsPerSecond> = list(&curves["ladder_bps"]).iter().map(number).collect();
    let tile = (1..=4).map(|stream| wanted(stream, 0, &ladder)).collect();
    let stage = (1..=4).map(|stream| if stream == 1 { wanted(1, 1, &ladder) } else { wanted(stream, 0, &ladder[..3]) }).collect();
    [("tile720_equal", tile), ("stage", stage)]
}

/// What is used after each step of our chain.
fn totals(scene: &[Wanted]) -> Vec<BitsPerSecond> {
    chain(scene).iter().map(|(_, allocation)| allocation.used_bps).collect()
}

/// What an allocator did on budgets that rise.
#[derive(Default)]
struct Audit {
    utilisation: f64,
    downgrades: u64,
    live_decreases: u64,
    over_budget: u64,
}

fn audit(scene: &[Wanted], grid: &Grid) -> Audit {
    let mut audit = Audit::default();
    let mut before = plan(Budget::of(0), scene);
    for budget_bps in grid.budgets_bps() {
        let now = plan(Budget::of(*budget_bps), scene);
        audit.utilisation += float(now.used_bps) / float(*budget_bps) / float(grid.budgets_bps().len() as u64);
        audit.downgrades +=
            rates(scene, &before).iter().zip(rates(scene, &now)).map(|(before, now)| u64::from(now.1 < *before.1)).sum::<u64>();
        audit.live_decreases += u64::from(live(&now) < live(&before));
        audit.over_budget += u64::from(now.used_bps > *budget_bps);
        before = now;
    }
    audit
}

fn peers() -> String {
    let curves = data("peer_allocation_curves.json");
    let grid = Grid::new(10_000, 10_000_000);
    let mut table = String::from(
        "| scene | allocator | mean utilisation | lowered | live streams fell | over budget |\n|---|---|---:|---:|---:|---:|\n",
    );
    for (name, scene) in scenes() {
        let theirs = &curves["scenes"][name];
        let title = theirs["description"].as_str().expect("a text");
        let ours = audit(&scene, &grid);
        let limit = best_chain(&scene, &grid, true);
        assert!((grid.of_chain(&totals(&scene)) - ours.utilisation).abs() < 1e-9, "two ways to the same number");
        // What another search than this one found to be the limit, live first for tiles; and what we claim.
        let (known_limit, found, least) =
            if name == "stage" { (0.5515, best_chain(&scene, &grid, false), 0.549) } else { (0.9231, limit, 0.922) };
        assert!((found - known_limit).abs() < 5e-5, "{found}");
        assert!(ours.utilisation >= least && ours.utilisation >= limit - 0.003, "{}", ours.utilisation);
        assert_eq!((ours.downgrades, ours.live_decreases, ours.over_budget), (0, 0, 0));
        writeln!(table, "| {title} | **greenroom** | **{}** | **0** | **0** | **0** |", percent(ours.utilisation)).expect("a string");
        for (key, peer) in PEERS {
            let theirs = &theirs["audit"][key];
            let utilisation = percent(theirs["mean_utilisation"].as_f64().expect("a number"));
            let [lowered, fell, over] = ["downgrades", "live_decreases", "over_budget"].map(|field| number(&theirs[field]));
            writeln!(table, "| | {peer} | {utilisation} | {lowered} | {fell} | {over} |").expect("a string");
        }
        writeln!(table, "| | the best that never lowers | {} | 0 | 0 | 0 |", percent(limit)).expect("a string");
        writeln!(table, "| | the best for each budget alone | {} | | 0 | 0 |", percent(best_choices(&scene, &grid))).expect("a string");

        let rows = list(&theirs["rows"]);
        let mut at_least = 0;
        for row in rows {
            let now = plan(Budget::of(number(&row["budget_bps"])), &scene);
            // Live first: as many as any choice makes live, in both scenes.
            assert_eq!(live(&now) as u64, number(&row["max_live"]));
            let like = |peer: &&Value| peer["over_budget"] == false && number(&peer["live"]) == live(&now) as u64;
            let best = PEERS.iter().map(|(key, _)| &row["peers"][*key]).filter(like).map(|peer| number(&peer["used_bps"])).max();
            let fits = now.used_bps >= best.unwrap_or(0);
            assert!(fits || now.minimum_bps > number(&row["budget_bps"]), "what is not used waits for a step that does not fit");
            at_least += usize::from(fits);
        }
        writeln!(table, "| | *at {at_least} of {} budgets greenroom uses as much as any peer with as many live* | | | | |", rows.len())
            .expect("a string");
    }
    table
}

/// The public tables of Jitsi Videobridge: what it chooses for each budget.
fn jitsi() -> String {
    let tables = data("jvb_allocation_tables.json");
    let ladder: Vec<(&str, u64, u64)> = list(&tables["ladder"])
        .iter()
        .map(|l| (l["id"].as_str().expect("a text"), number(&l["height"]), number(&l["cumulative_bps"])))
        .collect();
    let bps_of = |id: &Value| id.as_str().map_or(0, |id| ladder.iter().find(|layer| layer.0 == id).expect("a layer of the ladder").2);
    let mut table = String::from(
        "| scene | budgets | as much or more | fewer bits, more of them live | fewer bits: Jitsi exceeds the budget | fewer bits: the next step does not fit | most that this is less |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    for scenario in list(&tables["scenarios"]) {
        let name = scenario["name"].as_str().expect("a text");
        let sources = list(&scenario["sources"]);
        // Who is among the last N is for the caller to say.
        let count = scenario["last_n"].as_u64().map_or(sources.len(), |n| usize::try_from(n).expect("few"));
        let scene: Scene = (1..)
            .zip(&sources[..count])
            .map(|(stream, source)| {
                let rates: Vec<BitsPerSecond> = ladder.iter().filter(|l| l.1 <= number(&source["max_height"])).map(|l| l.2).collect();
                wanted(stream, u8::from(source["on_stage"] == true), &rates)
            })
            .collect();
        let mut counts = [0; 4];
        let mut most_less_bps = 0;
        for budget_bps in (0..=500).map(|times| times * 10_000) {
            let step = list(&scenario["steps"]).iter().rfind(|step| number(&step["from_bwe_bps"]) <= budget_bps);
            let theirs: Vec<u64> = step.map_or_else(Vec::new, |step| {
                sources.iter().map(|source| bps_of(&step["target"][source["id"].as_str().expect("a text")])).collect()
            });
            let (their_bps, their_live) = (theirs.iter().sum::<u64>(), theirs.iter().filter(|bps| **bps > 0).count());
            let ours = plan(Budget::of(budget_bps), &scene);
            let class = if ours.used_bps >= their_bps && live(&ours) >= their_live {
                0
            } else if their_bps > budget_bps {
                2
            } else {
                assert!(live(&ours) >= their_live, "{name} at {budget_bps}");
                if live(&ours) > their_live { 1 } else { 3 }
            };
            counts[class] += 1;
            if class == 3 {
                most_less_bps = most_less_bps.max(their_bps - ours.used_bps);
                // The reason that is given: the next step of the chain, which is more than what is idle.
                let waits =
                    ours.choices.iter().any(|choice| matches!(choice.reason, Reason::Budget { needs_bps, .. } if needs_bps > budget_bps));
                assert!(waits && ours.minimum_bps > budget_bps);
            }
        }
        if !name.starts_with("stage") {
            assert_eq!(counts, [501, 0, 0, 0], "{name}: where all are equals there is nothing to explain");
        }
        let [more, live, over, waits] = counts;
        writeln!(table, "| `{name}` | 501 | {more} | {live} | {over} | {waits} | {} kbps |", most_less_bps.div_ceil(1000))
            .expect("a string");
    }
    table
}

/// Streams with ladders as ragged as chance makes them.
fn ragged(rng: &mut Rng) -> Scene {
    let streams = 2 + rng.below(3);
    let mut scene = Scene::new();
    for stream in 0..streams {
        let rungs = 1 + rng.below(4);
        let mut ladder: Vec<BitsPerSecond> = match rng.below(3) {
            // Anywhere,
            0 => (0..rungs).map(|_| 20 + rng.below(2480)).collect(),
            // each some times the one below,
            1 => {
                let mut kbps = 20 + rng.below(380);
                (0..rungs)
                    .map(|_| {
                        kbps = kbps * (105 + rng.below(295)) / 100 + 1;
                        kbps
                    })
                    .collect()
            }
            // in steps of 50 kbps.
            _ => (0..rungs).map(|_| 50 * (1 + rng.below(60))).collect(),
        };
        ladder.sort_unstable();
        ladder.dedup();
        let ladder: Vec<BitsPerSecond> = ladder.iter().map(|kbps| kbps * 1000).collect();
        scene.push(wanted(u32::try_from(stream).expect("few"), 0, &ladder));
    }
    scene
}

const RAGGED: u64 = 4000;

fn exhaustive_search() -> String {
    let mut rng = Rng::new(4);
    let (mut shares, mut gaps): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for _ in 0..RAGGED {
        let scene = ragged(&mut rng);
        let totals = totals(&scene);
        let most_bps = *totals.last().expect("there is a first");
        let grid = Grid::new(most_bps / 400, most_bps);
        let ours = grid.of_chain(&totals);
        let (chain, choices) = (best_chain(&scene, &grid, true), best_choices(&scene, &grid));
        assert!(ours <= chain + 1e-9 && chain <= choices + 1e-9, "nothing is better than the best");
        shares.push(ours / chain);
        gaps.push(choices - chain);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / float(RAGGED);
    shares.sort_unstable_by(f64::total_cmp);
    gaps.sort_unstable_by(f64::total_cmp);
    let below = shares.iter().filter(|share| **share < 0.98).count();
    let percentile = usize::try_from(RAGGED / 100).expect("few");
    assert!(mean(&shares) > 0.999 && shares[percentile] > 0.99 && below as u64 * 1000 <= RAGGED, "{:?}", &shares[..10]);
    format!(
        "| of the best chain's mean utilisation, on {RAGGED} scenes | |\n|---|---:|\n| in the mean | {} |\n| at least, on 99 of 100 scenes | {} |\n| at least, on all | {} |\n\
         | scenes below 98 % | {below} |\n| **between the best chain and the best for each budget alone** | |\n| in the mean | {} |\n| at most | {} |\n",
        percent(mean(&shares)),
        percent(shares[percentile]),
        percent(shares[0]),
        percent(mean(&gaps)),
        percent(gaps[gaps.len() - 1]),
    )
}

#[test]
fn the_tables_of_the_page_are_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SELECTION.md");
    let stands = fs::read_to_string(&path).expect("the page is there");
    let mut page = stands.clone();
    for (name, table) in [("peers", peers()), ("jitsi", jitsi()), ("exhaustive", exhaustive_search())] {
        println!("{table}");
        let (begin, end) = (format!("<!-- {name}: made by core/tests/select_page.rs -->\n\n"), "\n<!-- made -->");
        let from = page.find(&begin).unwrap_or_else(|| panic!("the page has no place for the table {name}")) + begin.len();
        let to = from + page[from..].find(end).expect("the place for a table ends");
        page.replace_range(from..to, &table);
    }
    if std::env::var_os("GREENROOM_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &page).expect("docs can be written");
    } else {
        assert!(
            stands == page,
            "docs/SELECTION.md is out of date: run GREENROOM_UPDATE=1 cargo test -p greenroom-core --test select_page, and commit it"
        );
    }
}

#[test]
fn what_jitsi_considers_of_one_source_is_considered() {
    let cases = data("jvb_single_source_candidates.json");
    let tables = data("jvb_allocation_tables.json");
    // (id, height, rate); the layers of VP9 are all of one height.
    let known = |id: &str| -> (u16, BitsPerSecond) {
        match id {
            "l1" => (720, 150_000),
            "l2" => (720, 370_000),
            "l3" => (720, 750_000),
            _ => {
                let layer = list(&tables["ladder"]).iter().find(|layer| layer["id"] == id).expect("a layer of the ladder");
                (u16::try_from(number(&layer["height"])).expect("pixels"), number(&layer["cumulative_bps"]))
            }
        }
    };
    for case in list(&cases["cases"]) {
        let texts = |field: &str| -> Vec<&str> { list(&case[field]).iter().map(|id| id.as_str().expect("a text")).collect() };
        let (active, considered) = (texts("active_layers"), texts("considered"));
        let offers: Vec<Offer> = active
            .iter()
            .enumerate()
            .map(|(at, id)| Offer { rung: Rung { layer: layer(at), bps: known(id).1 }, short_side: known(id).0 })
            .collect();
        let source = if case["kind"] == "camera" { Source::Camera } else { Source::Screen };
        let most = u16::try_from(number(&case["max_height"])).expect("pixels");
        let mut rungs = Vec::new();
        Wish { source, min_short_side: None, max_short_side: Some(most) }.ladder(&offers, &mut rungs);
        let ours: Vec<&str> =
            rungs.iter().map(|rung| active[offers.iter().position(|offer| offer.rung == *rung).expect("it is offered")]).collect();
        // We leave out nothing that it considers, and have nothing where it has nothing. It leaves out slow pictures of cameras from 360p on; we do not.
        assert!(considered.iter().all(|id| ours.contains(id)), "{case}: {ours:?}");
        assert_eq!(ours.is_empty(), considered.is_empty(), "{case}: {ours:?}");
        let smallest = active.iter().map(|id| known(id).0).min();
        assert!(ours.iter().all(|id| known(id).0 <= most || Some(known(id).0) == smallest), "{case}: {ours:?}");
    }
}

/// The rungs of PulseBeam's cases.
const L: BitsPerSecond = 150_000;
const M: BitsPerSecond = 400_000;
const H: BitsPerSecond = 1_250_000;

#[test]
fn pulsebeams_cases_hold() {
    let ladder = [L, M, H];
    let at =
        |budget_bps, scene: &[Wanted]| -> Vec<BitsPerSecond> { rates(scene, &plan(Budget::of(budget_bps), scene)).into_values().collect() };
    let pair = |high: u8, low: u8| [wanted(1, high, &ladder), wanted(2, low, &ladder)];
    assert_eq!(at(4 * H, &pair(10, 5)), [H, H], "ample");
    assert_eq!(at(L + 5000, &pair(100, 0)), [L, 0], "contention");
    let pinned = [wanted(1, 100, &[H]), wanted(2, 0, &ladder)];
    assert_eq!(at(H * 13 / 10, &pinned)[0], H, "pinned");
    let droppable = [wanted(1, 0, &ladder), Wanted { insists: true, ..wanted(2, 0, &ladder) }];
    assert_eq!(at(L + 5000, &droppable), [0, L], "droppable first");
    assert_eq!(at(350_000, &[wanted(1, 0, &[200_000, 300_000, 600_000])]), [300_000], "temporal shed");
    assert_eq!(at(350_000, &[wanted(1, 0, &[600_000])]), [0], "below the fewest pictures per second that are of use");
    assert_eq!(at(L / 2, &[Wanted { current: Some(layer(0)), ..wanted(1, 0, &ladder) }]), [0], "half");
    assert_eq!(at(0, &pair(1, 0)), [0, 0], "zero");
}

#[test]
fn livekits_walk_to_the_next_higher_layer_holds() {
    // Bits per second of four temporal layers of three spatial ones, zero where one is missing; and where its boosts lead, one after the other.
    let scene = [wanted(1, 0, &[2, 3, 0, 0, 4, 0, 0, 5, 0, 7, 0, 0])];
    assert_eq!(totals(&scene), [0, 2, 3, 4, 5, 7]);
}
