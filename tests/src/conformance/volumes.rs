//! Volumes of storage pools.

use std::io::{Read as _, Write as _};

use virt_core::{
    CreateStorageVolume, DeleteStorageVolume, ErrorCode, ResizeStorageVolume, StoragePool, StorageVolume,
    StorageVolumeInfoFlags, StorageVolumeKind, TransferStorageVolume, WipeAlgorithm,
};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a volume is found until it is removed", lives),
    ("what is no volume is refused", refusals),
    ("what is sent to a volume is in it", transfer),
    ("a volume can grow, and shrink where it is said so", resize),
    ("a copy of a volume has its content", copies),
    ("what was in a wiped volume is not there any more", wipe),
];

const MEBIBYTE: u64 = 1 << 20;
const ABSENT: &[ErrorCode] = &[ErrorCode::NO_STORAGE_VOL];

fn xml(name: &str, capacity: u64) -> String {
    format!(
        "<volume><name>{name}</name><capacity>{capacity}</capacity><allocation>0</allocation>\
         <target><format type='raw'/></target></volume>"
    )
}

impl Probe<'_> {
    fn create_volume(&self, pool: &StoragePool, name: &str) -> Result<StorageVolume, Ended> {
        let made = pool.create_volume(&xml(name, MEBIBYTE), CreateStorageVolume::empty());
        self.did("StorageVolumes.create_xml", made)
    }

    fn send(&self, volume: &StorageVolume, offset: u64, data: &[u8]) -> Result<(), Ended> {
        let length = data.len() as u64;
        let stream = volume.upload(offset, length, TransferStorageVolume::empty());
        let mut stream = self.did("StorageVolumes.upload", stream)?;
        let sent = stream.write_all(data);
        self.holds("Stream.send", &format!("bytes can be sent ({sent:?})"), sent.is_ok())?;
        self.did("Stream.finish", stream.finish())
    }

    fn bytes(&self, volume: &StorageVolume, offset: u64, length: u64) -> Result<Vec<u8>, Ended> {
        let stream = volume.download(offset, length, TransferStorageVolume::empty());
        let mut stream = self.did("StorageVolumes.download", stream)?;
        let mut data = Vec::new();
        let read = stream.read_to_end(&mut data);
        self.holds("Stream.receive", &format!("bytes can be received ({read:?})"), read.is_ok())?;
        Ok(data)
    }

    fn capacity_is(&self, call: &'static str, volume: &StorageVolume, capacity: u64) -> Result<(), Ended> {
        let info = self.did("StorageVolumes.info", volume.info(StorageVolumeInfoFlags::empty()))?;
        self.same(call, "the capacity", info.capacity, capacity)?;
        let xml = self.did("StorageVolumes.xml", volume.xml())?;
        let element = format!("<capacity unit='bytes'>{capacity}</capacity>");
        self.holds(call, "the XML has the capacity", xml.contains(&element))
    }
}

fn lives(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.running_pool("a")?;
    let volume = probe.create_volume(&pool, "one")?;
    probe.create_volume(&pool, "two")?;
    let names = || {
        let list = probe.did("StorageVolumes.list", pool.volumes())?;
        let mut names: Vec<_> = list.iter().map(|entry| entry.name.clone()).collect();
        names.sort();
        Ok(names)
    };
    probe.same(
        "StorageVolumes.list",
        "what is listed",
        names()?,
        vec!["one".to_owned(), "two".to_owned()],
    )?;
    let found = probe.did("StorageVolumes.lookup_by_name", pool.volume_by_name("one"))?;
    probe.same("StorageVolumes.lookup_by_name", "the key", found.key(), volume.key())?;
    let found = probe.connection.storage_volume_by_key(volume.key());
    let found = probe.did("StorageVolumes.lookup_by_key", found)?;
    probe.same("StorageVolumes.lookup_by_key", "the name", found.name(), "one")?;
    let found = probe.connection.storage_volume_by_path(volume.path());
    let found = probe.did("StorageVolumes.lookup_by_path", found)?;
    probe.same("StorageVolumes.lookup_by_path", "the pool", found.pool_uuid(), pool.uuid())?;
    probe.capacity_is("StorageVolumes.create_xml", &volume, MEBIBYTE)?;
    let summary = probe.did("StorageVolumes.lookup_by_name", volume.summary())?;
    probe.same("StorageVolumes.list", "its kind", summary.kind, StorageVolumeKind::File)?;
    probe.same("StorageVolumes.list", "its format", summary.format.as_deref(), Some("raw"))?;
    probe.did("StorageVolumes.delete", volume.delete(DeleteStorageVolume::empty()))?;
    probe.same("StorageVolumes.list", "what is left", names()?, vec!["two".to_owned()])?;
    probe.refused("StorageVolumes.lookup_by_name", pool.volume_by_name("one"), ABSENT)?;
    let key = probe.connection.storage_volume_by_key(volume.key());
    probe.refused("StorageVolumes.lookup_by_key", key, ABSENT)?;
    let path = probe.connection.storage_volume_by_path(volume.path());
    probe.refused("StorageVolumes.lookup_by_path", path, ABSENT)?;
    probe.refused("StorageVolumes.xml", volume.xml(), ABSENT)?;
    probe.refused("StorageVolumes.delete", volume.delete(DeleteStorageVolume::empty()), ABSENT).map(drop)
}

fn refusals(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.running_pool("a")?;
    let volume = probe.create_volume(&pool, "one")?;
    let refused = |xml: &str, flags, codes: &[ErrorCode]| {
        probe.refused("StorageVolumes.create_xml", pool.create_volume(xml, flags), codes)
    };
    let none = CreateStorageVolume::empty();
    refused(&xml("one", MEBIBYTE), none, &[ErrorCode::STORAGE_VOL_EXIST, ErrorCode::OPERATION_FAILED])?;
    refused("<volume>\n<name>a</nam>\n</volume>", none, &[ErrorCode::XML_DETAIL])?;
    refused("<volume><name>a</name></volume>", none, &[ErrorCode::XML_ERROR])?;
    let unknown = CreateStorageVolume::from_bits_retain(1 << 30);
    refused(&xml("b", MEBIBYTE), unknown, &[ErrorCode::INVALID_ARG])?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let same = probe.did("StorageVolumes.lookup_by_key", reader.storage_volume_by_key(volume.key()))?;
    let denied = &[ErrorCode::OPERATION_DENIED];
    probe.refused("StorageVolumes.delete", same.delete(DeleteStorageVolume::empty()), denied)?;
    probe.refused("StorageVolumes.wipe", same.wipe(WipeAlgorithm::Zero), denied)?;
    probe.did("StoragePools.destroy", pool.destroy())?;
    refused(&xml("c", MEBIBYTE), none, &[ErrorCode::OPERATION_INVALID]).map(drop)
}

fn transfer(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.running_pool("a")?;
    let volume = probe.create_volume(&pool, "one")?;
    let fresh = probe.bytes(&volume, 0, 0)?;
    probe.same("StorageVolumes.download", "the length", fresh.len() as u64, MEBIBYTE)?;
    probe.holds("StorageVolumes.create_xml", "it is empty", fresh.iter().all(|byte| *byte == 0))?;
    let data: Vec<u8> = (0..150_000u32).map(|place| (place % 251) as u8).collect();
    probe.send(&volume, 4099, &data)?;
    let found = probe.bytes(&volume, 4099, data.len() as u64)?;
    probe.holds("StorageVolumes.upload", "what was sent comes back", found == data)?;
    let before = probe.bytes(&volume, 4098, 2)?;
    probe.same("StorageVolumes.upload", "what is before it", before, vec![0, data[0]])?;
    // A hole where something was.
    let sparse = TransferStorageVolume::SPARSE_STREAM;
    let mut stream = probe.did("StorageVolumes.upload", volume.upload(0, 0, sparse))?;
    probe.holds("Stream.send", "bytes can be sent", stream.write_all(b"head").is_ok())?;
    probe.did("Stream.send_hole", stream.send_hole(100_000))?;
    probe.did("Stream.finish", stream.finish())?;
    let found = probe.bytes(&volume, 0, 100_005)?;
    let zeros = found[4..100_004].iter().all(|byte| *byte == 0);
    probe.holds("Stream.send_hole", "zeros are where the hole is", zeros && &found[..4] == b"head")?;
    probe.same("Stream.send_hole", "what follows", found[100_004], data[100_004 - 4099])?;
    let mut stream = probe.did("StorageVolumes.download", volume.download(0, 0, sparse))?;
    let (mut length, mut end) = (0, false);
    while !end {
        let chunk = probe.did("Stream.receive", stream.receive(1 << 20))?;
        length += chunk.data.len() as u64 + chunk.hole;
        end = chunk.end;
    }
    probe.same("Stream.receive", "the length with its holes", length, MEBIBYTE)
}

fn resize(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.running_pool("a")?;
    let volume = probe.create_volume(&pool, "one")?;
    probe.did("StorageVolumes.resize", volume.resize(2 * MEBIBYTE, ResizeStorageVolume::empty()))?;
    probe.capacity_is("StorageVolumes.resize", &volume, 2 * MEBIBYTE)?;
    probe.did("StorageVolumes.resize", volume.resize(MEBIBYTE, ResizeStorageVolume::DELTA))?;
    probe.capacity_is("StorageVolumes.resize", &volume, 3 * MEBIBYTE)?;
    let smaller = volume.resize(MEBIBYTE, ResizeStorageVolume::empty());
    probe.refused("StorageVolumes.resize", smaller, &[ErrorCode::INVALID_ARG])?;
    probe.did("StorageVolumes.resize", volume.resize(MEBIBYTE, ResizeStorageVolume::SHRINK))?;
    probe.capacity_is("StorageVolumes.resize", &volume, MEBIBYTE)
}

fn copies(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.running_pool("a")?;
    let volume = probe.create_volume(&pool, "one")?;
    probe.send(&volume, 70_000, b"the original")?;
    let copy = pool.clone_volume(&xml("two", MEBIBYTE), &volume, CreateStorageVolume::empty());
    let copy = probe.did("StorageVolumes.create_xml_from", copy)?;
    let found = probe.bytes(&copy, 70_000, 12)?;
    probe.same("StorageVolumes.create_xml_from", "what is in it", found, b"the original".to_vec())?;
    probe.send(&volume, 70_000, b"something else")?;
    let found = probe.bytes(&copy, 70_000, 12)?;
    probe.same("StorageVolumes.create_xml_from", "what is in it later", found, b"the original".to_vec())
}

fn wipe(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.running_pool("a")?;
    let volume = probe.create_volume(&pool, "one")?;
    probe.send(&volume, 1000, b"secret")?;
    probe.did("StorageVolumes.wipe", volume.wipe(WipeAlgorithm::Zero))?;
    let found = probe.bytes(&volume, 0, 0)?;
    probe.holds("StorageVolumes.wipe", "it is empty", found.iter().all(|byte| *byte == 0))?;
    probe.capacity_is("StorageVolumes.wipe", &volume, MEBIBYTE)
}
