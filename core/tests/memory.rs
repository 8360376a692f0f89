//! What an idle member costs: counted by the allocator, not guessed from sizes.
//!
//! The allocator counts in a test binary of its own, so that no other test allocates beside it. It takes `unsafe` to be an allocator at all; the library forbids it, this file passes
//! every call on and adds up.

use core::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicIsize, Ordering},
};
use std::alloc::System;

use greenroom_core::{
    auth::Authority,
    id::{AppId, RequestId, RoomId, SessionId, SourceId, UserId},
    role::Role,
    room::{self, Room},
    service::{self, App, Service},
    time::{Instant, UnixSeconds},
    wire::{AudioMode, ClientFrame, ClientMessage, Versions},
};

struct Counting;

static BYTES: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn signed(size: usize) -> isize {
    isize::try_from(size).expect("no allocation is that large")
}

// SAFETY: every call goes to the system's allocator as it came; counting does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(signed(layout.size()), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        BYTES.fetch_sub(signed(layout.size()), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

const MEMBERS: u64 = 1000;
/// The most that a member who does nothing may cost, in bytes: ten thousand of them are then 20 MB, little beside what their media takes. A choice.
const MOST: isize = 2048;

fn join(number: u64) -> ClientFrame {
    let message = ClientMessage::Join {
        versions: Versions::SUPPORTED,
        app: None,
        room: RoomId::new("stage").expect("a valid id"),
        user: Some(UserId::new(&format!("a-user-with-a-name-as-long-as-a-uuid-{number:04}")).expect("a valid id")),
        name: None,
        role: Role::Player,
        resumes: None,
        media: None,
        credential: None,
        relay: false,
        audio_mode: AudioMode::Subscribed,
    };
    ClientFrame { request: RequestId(1), message }
}

/// What `act` leaves allocated for each member, in bytes.
fn cost_of(act: impl FnOnce()) -> isize {
    let before = BYTES.load(Ordering::Relaxed);
    act();
    (BYTES.load(Ordering::Relaxed) - before) / signed(usize::try_from(MEMBERS).expect("a thousand"))
}

// One test: two would count each other's bytes.
#[test]
fn an_idle_member_costs_at_most_two_kibibytes() {
    let now = Instant::ZERO;

    let mut room = Room::new(now, room::Config::new(RoomId::new("stage").expect("a valid id")));
    let of_a_room = cost_of(|| {
        for number in 0..MEMBERS {
            room.handle_input(now, room::Input::Message { session: SessionId(number), frame: join(number) }).expect("time stands still");
            while room.poll_output().is_some() {}
        }
    });
    assert_eq!(room.members().count() as u64, MEMBERS);

    let mut config = service::Config::new(UnixSeconds(0));
    config.apps.insert(AppId::new("app").expect("a valid id"), App::new(Authority::Open));
    let mut service = Service::new(now, config);
    let with_its_connection = cost_of(|| {
        for number in 0..MEMBERS {
            let session = SessionId(number);
            service.handle_input(now, service::Input::Opened { session, source: SourceId(number) }).expect("it is a new one");
            service.handle_input(now, service::Input::Message { session, frame: join(number) }).expect("time stands still");
            while service.poll_output().is_some() {}
        }
    });
    assert_eq!(service.usage().stays as u64, MEMBERS);

    println!("an idle member costs {of_a_room} bytes in a room, {with_its_connection} in a service with its connection");
    assert!((100..=MOST).contains(&of_a_room), "{of_a_room} bytes for each member of a room");
    assert!(
        (of_a_room..=MOST).contains(&with_its_connection),
        "{with_its_connection} bytes for each member of a service with its connection"
    );
}
