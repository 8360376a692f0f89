//! What a room costs as it grows: a join, the answer that lists everyone, and a message.
//!
//! A join must cost the same in a room of ten thousand as in one of ten; under 10 µs is asked. The answer to it lists everyone, and so costs more the more there are: it is written when it is sent, outside the
//! room's own step.

use core::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use greenroom_core::{
    id::{RequestId, RoomId, SessionId, UserId},
    role::Role,
    room::{Admission, Config, Input, Output, Room, Snapshot},
    time::Instant,
    wire::{AudioMode, ClientFrame, ClientMessage, Versions},
};

const SIZES: [u64; 3] = [10, 1_000, 10_000];

fn admit(user: &str, session: u64) -> Input {
    let admission = Admission {
        versions: Versions::SUPPORTED,
        user: UserId::new(user).expect("a valid id"),
        assigned: false,
        name: None,
        role: Role::Player,
        resumes: None,
        media: None,
        audio_mode: AudioMode::Subscribed,
        key_until: None,
    };
    Input::Admit { session: SessionId(session), request: RequestId(1), admission }
}

/// A room with that many in it, and place for one more.
fn room_of(members: u64) -> Room {
    let mut room = Room::new(Instant::ZERO, Config::new(RoomId::new("stage").expect("a valid id")));
    for session in 1..members {
        room.handle_input(Instant::ZERO, admit(&format!("user-{session}"), session)).expect("time stands still");
        drain(&mut room);
    }
    room
}

/// Takes what the room wants done, and returns the answer to the last join.
fn drain(room: &mut Room) -> Option<Snapshot> {
    let mut answer = None;
    while let Some(output) = room.poll_output() {
        if let Output::Snapshot(snapshot) = output {
            answer = Some(snapshot);
        }
    }
    answer
}

/// A join and the leave after it, so that the room is of the same size each time.
fn join(c: &mut Criterion) {
    let mut group = c.benchmark_group("room");
    group.throughput(Throughput::Elements(1));
    for size in SIZES {
        let mut room = room_of(size);
        let mut session = size;
        let tell = |room: &mut Room, input: Input| room.handle_input(Instant::ZERO, input).expect("time stands still");
        let leave = |session| Input::Message {
            session: SessionId(session),
            frame: ClientFrame { request: RequestId(2), message: ClientMessage::Leave },
        };
        group.bench_function(BenchmarkId::new("join_and_leave", size), |b| {
            b.iter_batched(
                || {
                    session += 1;
                    (admit("zoe", session), leave(session))
                },
                |(join, leave)| {
                    tell(&mut room, black_box(join));
                    black_box(drain(&mut room));
                    tell(&mut room, black_box(leave));
                    black_box(drain(&mut room));
                },
                BatchSize::SmallInput,
            );
        });
        session += 1;
        tell(&mut room, admit("zoe", session));
        let answer = drain(&mut room).expect("a join has its answer");
        group.bench_function(BenchmarkId::new("write_answer", size), |b| b.iter(|| black_box(room.snapshot(black_box(&answer)))));
        group.bench_function(BenchmarkId::new("ping", size), |b| {
            b.iter(|| {
                let frame = ClientFrame { request: RequestId(3), message: ClientMessage::Ping };
                tell(&mut room, Input::Message { session: SessionId(session), frame });
                black_box(drain(&mut room));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, join);
criterion_main!(benches);
