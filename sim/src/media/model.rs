use super::{Counters, Description, MediaError, MediaPacket, PeerConfig, PeerOutput, TrackId, Vp8Rewrite};
use crate::net::Datagram;
use greenroom_core::{
    id::{LayerId, Rid},
    stream::BitsPerSecond,
    time::Instant,
};
use std::net::SocketAddr;
#[derive(Debug)]
pub(super) struct Peer;
#[allow(unused_variables)]
impl Peer {
    pub(super) fn new(now: Instant, config: PeerConfig) -> Self {
        todo!()
    }
    pub(super) fn description(&mut self) -> Description {
        todo!()
    }
    pub(super) fn set_remote(&mut self, now: Instant, description: Description) -> Result<(), MediaError> {
        todo!()
    }
    pub(super) fn remote_address(&self) -> Option<SocketAddr> {
        todo!()
    }
    pub(super) fn send_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        todo!()
    }
    pub(super) fn receive_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        todo!()
    }
    pub(super) fn stop_track(&mut self, now: Instant, track: TrackId) {
        todo!()
    }
    pub(super) fn write(&mut self, now: Instant, packet: &MediaPacket, rewrite: Option<Vp8Rewrite>) {
        todo!()
    }
    pub(super) fn request_key_frame(&mut self, now: Instant, track: TrackId, layer: LayerId) {
        todo!()
    }
    pub(super) fn set_bandwidth(&mut self, now: Instant, minimum: BitsPerSecond, desired: BitsPerSecond) {
        todo!()
    }
    pub(super) fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        todo!()
    }
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }
    pub(super) fn flush(&mut self, now: Instant) {
        todo!()
    }
    pub(super) fn poll_output(&mut self) -> Option<PeerOutput> {
        todo!()
    }
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    pub(super) fn is_connected(&self) -> bool {
        todo!()
    }
    pub(super) fn counters(&self) -> Counters {
        todo!()
    }
}
