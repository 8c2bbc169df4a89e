//! Definitions and states, kept in a directory and found again.

use virt_util::root::Location;

use super::*;

fn store(scratch: &tempfile::TempDir) -> Store {
    Store::open(Root::open(&Location::Below(scratch.path().into()), "network").unwrap()).unwrap()
}

fn lab() -> Network {
    "<network><name>lab</name><uuid>6f9a5b1e-3c1d-4f53-8f43-5d8b2f3b9a01</uuid><bridge name='lab0'/>\
     <ip address='10.7.0.1' prefix='16'/></network>"
        .parse()
        .unwrap()
}

#[test]
fn a_network_is_found_again_by_whoever_opens_the_root_next() {
    let scratch = tempfile::tempdir().unwrap();
    let (first, lab) = (store(&scratch), lab());
    let uuid = uuid_of(&lab).unwrap();
    let mut lock = first.index().lock("a test", Wait::FOREVER).unwrap();
    first.write_definition(&mut lock, &lab).unwrap();
    first.write_status(&mut lock, &lab, RUNNING).unwrap();
    drop(lock);

    let second = store(&scratch);
    let entry = second.by_name("lab").unwrap();
    assert!(entry.is_active() && entry.is_persistent());
    assert_eq!((entry.state, bridge_of(&entry)), (RUNNING, Some("lab0")));
    assert_eq!(second.running(&entry).unwrap(), lab);
    assert_eq!(second.bridges(uuid).unwrap(), Vec::<String>::new());

    let mut lock = second.index().lock("a test", Wait::FOREVER).unwrap();
    second.remove_status(&mut lock, &entry).unwrap();
    drop(lock);
    let entry = first.by_uuid(uuid).unwrap();
    assert!(!entry.is_active());
    assert!(first.running(&entry).is_err());
}

#[test]
fn names_and_uuids_belong_together() {
    let scratch = tempfile::tempdir().unwrap();
    let store = store(&scratch);
    let mut lock = store.index().lock("a test", Wait::FOREVER).unwrap();
    store.write_definition(&mut lock, &lab()).unwrap();
    drop(lock);
    let other_name = Network { name: "other".into(), ..lab() };
    assert_eq!(
        store.check_unique(&other_name).unwrap_err().to_string(),
        "operation failed: network 'lab' is already defined with uuid 6f9a5b1e-3c1d-4f53-8f43-5d8b2f3b9a01"
    );
    let other_uuid = Network { uuid: Some(Uuid::from_u128(7)), ..lab() };
    assert_eq!(
        store.check_unique(&other_uuid).unwrap_err().to_string(),
        "operation failed: network 'lab' already exists with uuid 6f9a5b1e-3c1d-4f53-8f43-5d8b2f3b9a01"
    );
}
