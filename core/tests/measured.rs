//! What measurements of layers may do to plans, and what they may not: the claim A14 that a good allocator can be held to, on measurements made up by chance.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;

use greenroom_core::{
    id::{LayerId, MemberId, StreamId},
    member::VideoPlan,
    role::Role,
    room::{Event, Input, MediaInput},
    stream::BitsPerSecond,
};
use hall::{HIGH, Hall, LOW, MIDDLE, camera, screen};
use proptest::{collection::vec, prelude::*};

/// How often layers are measured.
const MEASURED_EVERY: Duration = Duration::from_millis(500);

/// Ada shares a screen of 1000 kbps and a camera of three layers; Bob, on connection 2, has a line that carries all that he gets of both.
struct Viewing {
    hall: Hall,
    bob: MemberId,
    screen: StreamId,
    camera: StreamId,
}

impl Viewing {
    fn new() -> Self {
        let mut hall = Hall::new();
        hall.join(1, "ada");
        let (screen, camera) = (hall.publish(1, screen()), hall.publish(1, camera()));
        let bob = hall.join_as(2, "bob", Role::Player);
        hall.connect_media(2, bob);
        // 1000 for the screen, 1500 for the highest layer of the camera, and 30 for its sound.
        hall.estimate(bob, 3_000_000);
        hall.subscribe(2, screen);
        hall.subscribe(2, camera);
        hall.hush();
        Self { hall, bob, screen, camera }
    }

    fn plans(&self) -> Vec<Option<VideoPlan>> {
        let plan = |stream| self.hall.room.member(self.bob)?.subscriptions.get(&stream)?.video.clone();
        vec![plan(self.screen), plan(self.camera)]
    }

    fn measure(&mut self, stream: StreamId, layer: LayerId, bps: BitsPerSecond) {
        self.hall.tell(Input::Media(MediaInput::LayerRate { stream, layer, bps }));
    }

    fn pass(&mut self) {
        self.hall.pass_alive(MEASURED_EVERY, &[1, 2]);
    }

    fn decisions(&mut self) -> Vec<Event> {
        self.hall.events().into_iter().filter(|event| matches!(event, Event::LayerDecided { .. })).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    // A14: what flows is not dead, however little it is: padding alone, or a picture a second.
    #[test]
    fn what_hardly_flows_is_not_dead(of_screen in vec(1_u64..20_000, 1..40), of_camera in vec((0_u8..3, 1_u64..20_000), 1..40)) {
        let mut viewing = Viewing::new();
        let before = viewing.plans();
        for at in 0..of_screen.len().max(of_camera.len()) {
            if let Some(bps) = of_screen.get(at) {
                viewing.measure(viewing.screen, LOW, *bps);
            }
            if let Some((layer, bps)) = of_camera.get(at) {
                viewing.measure(viewing.camera, [LOW, MIDDLE, HIGH][usize::from(*layer)], *bps);
            }
            viewing.pass();
        }
        prop_assert_eq!(viewing.decisions(), []);
        prop_assert_eq!(viewing.plans(), before);
    }
}

#[test]
fn a_layer_that_is_silent_is_dead() {
    // That the property above is not that of a room which is deaf.
    let mut viewing = Viewing::new();
    viewing.measure(viewing.camera, HIGH, 0);
    viewing.pass();
    assert!(!viewing.decisions().is_empty(), "there is no such layer any more");
}
