//! What the simulated guests do, call by call: answers, errors with libvirt's numbers and sentences, events.

use expect_test::{Expect, expect};

use crate::script;

fn check(lines: &str, expected: Expect) {
    expected.assert_eq(&script::run(lines));
}

#[test]
fn the_default_host_has_one_guest() {
    check(
        "list\nstate test\ninfo test\nlookup-id 1\nlookup nobody\nlookup-id 9",
        expect![[r#"
        list: test running
        state test: running (unknown)
        info test: running 2097152/8388608 KiB, 2 vCPUs
        lookup-id 1: test
        lookup nobody: error 42/12 Domain not found
        lookup-id 9: error 42/12 Domain not found
    "#]],
    );
}

#[test]
fn guests_live_and_end() {
    check(
        "define d\nstate d\nstart d\nstate d\nstart d\nsuspend d\nstate d\nsuspend d\nreset d\nresume d\nresume d
         state d\nreboot d\nstate d\nshutdown d\nstate d\nshutdown d\nreboot d\nreset d\ndestroy d\nsuspend d
         start d paused\nstate d\nlookup-id 3\nundefine d\nstate d\ndestroy d\nstate d",
        expect![[r#"
            define d: d
              d(-) Defined Added
            state d: shut off (unknown)
            start d: ok
              d(2) Started Booted
            state d: running (booted)
            start d: error 1/12 internal error: Domain 'd' is already running
            suspend d: ok
              d(2) Suspended Paused
            state d: paused (user)
            suspend d: error 1/12 internal error: domain 'd' not running
            reset d: ok
            resume d: ok
              d(2) Resumed Unpaused
            resume d: error 1/12 internal error: domain 'd' not paused
            state d: running (unpaused)
            reboot d: ok
            state d: running (booted)
            shutdown d: ok
              d(-) Stopped Shutdown
            state d: shut off (shutdown)
            shutdown d: error 1/12 internal error: domain 'd' not running
            reboot d: error 55/20 Requested operation is not valid: domain is not running
            reset d: error 55/20 Requested operation is not valid: domain is not running
            destroy d: error 55/20 Requested operation is not valid: domain is not running
            suspend d: error 1/12 internal error: domain 'd' not running
            start d paused: ok
              d(3) Started Booted
              d(3) Suspended Paused
            state d: paused (user)
            lookup-id 3: d
            undefine d: ok
              d(3) Undefined Removed
            state d: paused (user)
            destroy d: ok
              d(-) Stopped Destroyed
            state d: error 42/12 Domain not found
        "#]],
    );
}

#[test]
fn transient_guests_vanish() {
    check(
        "create d <uuid>11111111-2222-3333-4444-555555555555</uuid>\ncreate d\nstate d\nset-metadata d title x config\nsetmem d 1 config\nshutdown d\nlookup d\n",
        expect![[r#"
            create d <uuid>11111111-2222-3333-4444-555555555555</uuid>: d
              d(2) Started Booted
            create d: error 9/20 operation failed: domain 'd' already exists with uuid 11111111-2222-3333-4444-555555555555
            state d: running (booted)
            set-metadata d title x config: error 55/20 Requested operation is not valid: transient domains do not have any persistent config
            setmem d 1 config: error 55/20 Requested operation is not valid: transient domains do not have any persistent config
            shutdown d: ok
              d(-) Stopped Shutdown
            lookup d: error 42/12 Domain not found
        "#]],
    );
}

#[test]
fn what_the_definition_wants_at_the_end_happens() {
    check(
        "define d <on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot>\nstart d\nshutdown d\nstate d
         reboot d\nstate d\ndefine e <on_poweroff>preserve</on_poweroff><on_reboot>rename-restart</on_reboot>
         start e\nsuspend e\nreboot e\nstate e\nshutdown e\nstate e",
        expect![[r#"
            define d <on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot>: d
              d(-) Defined Added
            start d: ok
              d(2) Started Booted
            shutdown d: ok
            state d: running (booted)
            reboot d: ok
              d(-) Stopped Shutdown
            state d: shut off (shutdown)
            define e <on_poweroff>preserve</on_poweroff><on_reboot>rename-restart</on_reboot>: e
              e(-) Defined Added
            start e: ok
              e(3) Started Booted
            suspend e: ok
              e(3) Suspended Paused
            reboot e: ok
            state e: running (booted)
            shutdown e: ok
              e(-) Stopped Shutdown
            state e: shut off (shutdown)
        "#]],
    );
}

#[test]
fn names_and_uuids_are_unique() {
    check(
        "define d <uuid>11111111-2222-3333-4444-555555555555</uuid>
         define d <uuid>11111111-2222-3333-4444-555555555556</uuid>
         define e <uuid>11111111-2222-3333-4444-555555555555</uuid>
         define d <uuid>11111111-2222-3333-4444-555555555555</uuid>
         rename d e\nlookup d\nlookup e\nrename e test\nrename e e\nrename test x\nrename e a/b
         undefine e\nstate 11111111-2222-3333-4444-555555555555\nstart 11111111-2222-3333-4444-555555555555",
        expect![[r#"
            define d <uuid>11111111-2222-3333-4444-555555555555</uuid>: d
              d(-) Defined Added
            define d <uuid>11111111-2222-3333-4444-555555555556</uuid>: error 9/20 operation failed: domain 'd' already exists with uuid 11111111-2222-3333-4444-555555555555
            define e <uuid>11111111-2222-3333-4444-555555555555</uuid>: error 9/20 operation failed: domain 'd' is already defined with uuid 11111111-2222-3333-4444-555555555555
            define d <uuid>11111111-2222-3333-4444-555555555555</uuid>: d
              d(-) Defined Updated
            rename d e: ok
              d(-) Undefined Renamed
              e(-) Defined Renamed
            lookup d: error 42/12 Domain not found
            lookup e: e
            rename e test: error 55/20 Requested operation is not valid: domain with name 'test' already exists
            rename e e: error 55/20 Requested operation is not valid: Can't rename domain to itself
            rename test x: error 55/12 Requested operation is not valid: cannot rename active domain
            rename e a/b: error 27/12 XML error: name a/b cannot contain '/'
            undefine e: ok
              e(-) Undefined Removed
            state 11111111-2222-3333-4444-555555555555: error 42/12 Domain not found: no domain with matching uuid '11111111-2222-3333-4444-555555555555'
            start 11111111-2222-3333-4444-555555555555: error 42/12 Domain not found: no domain with matching uuid '11111111-2222-3333-4444-555555555555'
        "#]],
    );
}

#[test]
fn memory_is_set_within_its_limits() {
    check(
        "setmem test 1000000\ninfo test\nsetmem test 0\nsetmem test 9000000\nsetmem test 9000000 maximum
         setmem test 9000000 maximum config\nsetmem test 8999999 config\nsetmem test 8999999 live config\ninfo test
         define d\nsetmem d 1000\ninfo d\nsetmem d 1000 live\nsetmem d 500 maximum\ninfo d",
        expect![[r#"
            setmem test 1000000: ok
              test(1) balloon-change 0
            info test: running 1000000/8388608 KiB, 2 vCPUs
            setmem test 0: error 8/20 memory in virDomainSetMemoryFlags must not be zero
            setmem test 9000000: error 8/12 invalid argument: cannot set memory higher than max memory
            setmem test 9000000 maximum: error 55/12 Requested operation is not valid: cannot resize the maximum memory on an active domain
            setmem test 9000000 maximum config: ok
            setmem test 8999999 config: ok
            setmem test 8999999 live config: error 8/12 invalid argument: cannot set memory higher than max memory
            info test: running 1000000/8388608 KiB, 2 vCPUs
            define d: d
              d(-) Defined Added
            setmem d 1000: ok
            info d: shut off 1000/65536 KiB, 2 vCPUs
            setmem d 1000 live: error 55/20 Requested operation is not valid: domain is not running
            setmem d 500 maximum: ok
            info d: shut off 500/500 KiB, 2 vCPUs
        "#]],
    );
}

#[test]
fn vcpus_are_set_within_their_limits() {
    check(
        "setvcpus test 1\nvcpus test\nvcpus test config\nvcpus test maximum\nvcpus test live config\nsetvcpus test 0
         setvcpus test 3\nsetvcpus test 33 config\nsetvcpus test 4 maximum\nsetvcpus test 4 maximum config
         vcpus test maximum config\nvcpus test config\nsetvcpus test 4 config\nsetvcpus test 3 maximum config
         vcpus test config\ndefine d\nvcpus d\nvcpus d live\nsetvcpus d 1 live\nsetvcpus d 1\nvcpus d",
        expect![[r#"
            setvcpus test 1: ok
            vcpus test: 1
            vcpus test config: 2
            vcpus test maximum: 2
            vcpus test live config: error 8/20 Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive
            setvcpus test 0: error 8/20 nvcpus in virDomainSetVcpusFlags must not be zero
            setvcpus test 3: error 8/12 invalid argument: requested cpu amount exceeds maximum (3 > 2)
            setvcpus test 33 config: error 8/12 invalid argument: requested cpu amount exceeds maximum supported amount (33 > 32)
            setvcpus test 4 maximum: error 8/20 Flag 'VIR_DOMAIN_AFFECT_CONFIG' is required by flag 'VIR_DOMAIN_VCPU_MAXIMUM'
            setvcpus test 4 maximum config: ok
            vcpus test maximum config: 4
            vcpus test config: 2
            setvcpus test 4 config: ok
            setvcpus test 3 maximum config: ok
            vcpus test config: 3
            define d: d
              d(-) Defined Added
            vcpus d: 2
            vcpus d live: error 55/20 Requested operation is not valid: domain is not running
            setvcpus d 1 live: error 55/20 Requested operation is not valid: domain is not running
            setvcpus d 1: ok
            vcpus d: 1
        "#]],
    );
}

#[test]
fn metadata_is_kept() {
    check(
        "metadata test title\nset-metadata test title a\\nb\nset-metadata test title web\nmetadata test title
         metadata test title config\nset-metadata test description both live config\nmetadata test description config
         set-metadata test element <a/> http://x config\nmetadata test element http://x config
         metadata test element http://x\nmetadata test element\nset-metadata test element <a http://x
         set-metadata test element - http://x config\nmetadata test element http://x config\nmetadata test title live config",
        expect![[r#"
            metadata test title: error 80/20 metadata not found: Requested metadata element is not present
            set-metadata test title a\nb: error 8/20 metadata title can't contain newlines
            set-metadata test title web: ok
              test(1) metadata-change 1
            metadata test title: web
            metadata test title config: error 80/20 metadata not found: Requested metadata element is not present
            set-metadata test description both live config: ok
              test(1) metadata-change 0
            metadata test description config: both
            set-metadata test element <a/> http://x config: ok
              test(1) metadata-change 2
            metadata test element http://x config: <a/>
            metadata test element http://x: error 80/20 metadata not found: Requested metadata element is not present
            metadata test element: error 8/20 uri in virDomainGetMetadata must not be NULL
            set-metadata test element <a http://x: error 35/20 the document does not have a root node
            set-metadata test element - http://x config: ok
              test(1) metadata-change 2
            metadata test element http://x config: error 80/20 metadata not found: Requested metadata element is not present
            metadata test title live config: error 8/20 Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive
        "#]],
    );
}

#[test]
fn lists_are_filtered() {
    check(
        "define d\ncreate e\nautostart d\nlist 1\nlist 2\nlist 4\nlist 8\nlist 1024\nlist 9\nlist 65536",
        expect![[r#"
            define d: d
              d(-) Defined Added
            create e: e
              e(2) Started Booted
            autostart d: ok
            list 1: test running, e running
            list 2: d shut off
            list 4: test running, d shut off
            list 8: e running
            list 1024: d shut off
            list 9: e running
            list 65536: error 8/12 unsupported flags (0x10000) in function testConnectListAllDomains
        "#]],
    );
}
