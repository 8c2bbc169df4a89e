//! What the commands about domains print, in virsh's words.

mod support;

use expect_test::expect;
use support::{Virtsh, check};

#[test]
fn list_shows_running_domains_or_all() {
    check(
        "list; destroy test; list; list --all",
        expect![[r#"
         Id   Name   State
        ----------------------
         1    test   running

        Domain 'test' destroyed

         Id   Name   State
        --------------------

         Id   Name   State
        -----------------------
         -    test   shut off

    "#]],
    );
    check(
        "list --name; list --uuid --id --name; list --table --name",
        expect![[r#"
        test

        6695eb01-f6a4-8304-79aa-97f2502e193f 1 test

        error: Options --table and --name are mutually exclusive

        [exit code 1]
    "#]],
    );
    check(
        "destroy test; list --all --id; list --all --id --name",
        expect![[r#"
        Domain 'test' destroyed


        - test

    "#]],
    );
    check(
        "desc test --title A title; list --title",
        expect![[r#"
        Domain title updated successfully
         Id   Name   State     Title
        --------------------------------
         1    test   running   A title

    "#]],
    );
}

#[test]
fn a_domain_is_named_by_number_uuid_or_name() {
    check(
        "domstate 1; domstate 6695eb01-f6a4-8304-79aa-97f2502e193f; domstate test; domstate 2",
        expect![[r#"
            running

            running

            running

            error: failed to get domain '2'

            [exit code 1]
        "#]],
    );
    check(
        "domid test; domname 1; domuuid test; domuuid 1",
        expect![[r#"
        1

        test

        6695eb01-f6a4-8304-79aa-97f2502e193f

        6695eb01-f6a4-8304-79aa-97f2502e193f

    "#]],
    );
    check(
        "domid 1",
        expect![[r#"
        error: failed to get domain '1'

        [exit code 1]
    "#]],
    );
    check(
        "domname test",
        expect![[r#"
        error: failed to get domain 'test'

        [exit code 1]
    "#]],
    );
    check(
        "domuuid 6695eb01-f6a4-8304-79aa-97f2502e193f",
        expect![[r#"
        error: failed to get domain '6695eb01-f6a4-8304-79aa-97f2502e193f'

        [exit code 1]
    "#]],
    );
}

#[test]
fn life_and_death() {
    check(
        "suspend test; domstate test --reason; resume test; domstate test --reason",
        expect![[r#"
        Domain 'test' suspended

        paused (user)

        Domain 'test' resumed

        running (unpaused)

    "#]],
    );
    check(
        "start test",
        expect![[r#"
        error: Domain is already active

        [exit code 1]
    "#]],
    );
    check(
        "shutdown test; domstate test --reason; start test --paused; domstate test",
        expect![[r#"
        Domain 'test' is being shutdown

        shut off (shutdown)

        Domain 'test' started

        paused

    "#]],
    );
    check(
        "reboot test; reset test; destroy test; destroy test",
        expect![[r#"
        Domain 'test' is being rebooted

        Domain 'test' was reset

        Domain 'test' destroyed

        error: Failed to destroy domain 'test'
        error: Requested operation is not valid: domain is not running

        [exit code 1]
    "#]],
    );
    check(
        "shutdown test --mode acpi,never",
        expect![[r#"
        error: Unknown mode never value, expecting 'acpi', 'agent', 'initctl', 'signal', or 'paravirt'

        [exit code 1]
    "#]],
    );
}

#[test]
fn a_domain_is_called_as_it_was_named() {
    check(
        "suspend 1; resume 6695eb01-f6a4-8304-79aa-97f2502e193f; autostart 1; destroy 1; start test",
        expect![[r#"
        Domain '1' suspended

        Domain '6695eb01-f6a4-8304-79aa-97f2502e193f' resumed

        Domain '1' marked as autostarted

        Domain '1' destroyed

        Domain 'test' started

    "#]],
    );
}

#[test]
fn information() {
    check(
        "dominfo test",
        expect![[r#"
            Id:             1
            Name:           test
            UUID:           6695eb01-f6a4-8304-79aa-97f2502e193f
            OS Type:        linux
            State:          running
            CPU(s):         2
            Max memory:     8388608 KiB
            Used memory:    2097152 KiB
            Persistent:     yes
            Autostart:      disable
            Managed save:   no
            Security model: testSecurity
            Security DOI:   
            Security label: libvirt-test (enforcing)

        "#]],
    );
    check(
        "destroy test; dominfo test",
        expect![[r#"
            Domain 'test' destroyed

            Id:             -
            Name:           test
            UUID:           6695eb01-f6a4-8304-79aa-97f2502e193f
            OS Type:        linux
            State:          shut off
            CPU(s):         2
            Max memory:     8388608 KiB
            Used memory:    2097152 KiB
            Persistent:     yes
            Autostart:      disable
            Managed save:   no
            Security model: testSecurity
            Security DOI:   

        "#]],
    );
}

#[test]
fn definitions_come_from_files() {
    let virtsh = Virtsh::new();
    virtsh.file("web.xml", WEB);
    let output =
        virtsh.output(["define web.xml; list --all; start web; dominfo web; undefine web; destroy web"]);
    expect![[r#"
        Domain 'web' defined from web.xml

         Id   Name   State
        -----------------------
         1    test   running
         -    web    shut off

        Domain 'web' started

        Id:             2
        Name:           web
        OS Type:        linux
        State:          running
        CPU(s):         2
        Max memory:     262144 KiB
        Used memory:    262144 KiB
        Persistent:     yes
        Autostart:      disable
        Managed save:   no
        Security model: testSecurity
        Security DOI:   
        Security label: libvirt-test (enforcing)

        Domain 'web' has been undefined

        Domain 'web' destroyed

    "#]]
    .assert_eq(&without_uuid(&output));
    let output = virtsh.output(["create web.xml; list; autostart web; destroy web; list --all"]);
    expect![[r#"
        Domain 'web' created from web.xml

         Id   Name   State
        ----------------------
         1    test   running
         2    web    running

        Domain 'web' marked as autostarted

        Domain 'web' destroyed

         Id   Name   State
        ----------------------
         1    test   running

    "#]]
    .assert_eq(&without_uuid(&output));
    expect![[r#"
        error: Failed to open file 'nowhere.xml': No such file or directory

        [exit code 1]
    "#]]
    .assert_eq(&virtsh.output(["define nowhere.xml"]));
}

#[test]
fn an_error_shows_the_line_with_a_caret() {
    let virtsh = Virtsh::new();
    virtsh.file("web.xml", &WEB.replace(">2<", ">two<"));
    expect![[r#"
        error: Failed to define domain from web.xml
        error: XML error: maximum vcpus count must be an integer
         --> web.xml:4:9
          |
        4 |   <vcpu>two</vcpu>
          |         ^^^ /domain/vcpu

        [exit code 1]
    "#]]
    .assert_eq(&virtsh.output(["define web.xml"]));
    virtsh.file("web.xml", &WEB.replace("unit='MiB'", "unit='bananas'"));
    expect![[r#"
        error: Failed to create domain from web.xml
        error: invalid argument: unknown suffix 'bananas'
         --> web.xml:3:3
          |
        3 |   <memory unit='bananas'>256</memory>
          |   ^^^^^^^ /domain/memory

        [exit code 1]
    "#]]
    .assert_eq(&virtsh.output(["create web.xml"]));
    virtsh.file("web.xml", &WEB.replace("</domain>", ""));
    expect![[r#"
        error: Failed to define domain from web.xml
        error: the root node was opened but never closed
         --> web.xml:1:1
          |
        1 | <domain type='test'>
          | ^^^^^^^

        [exit code 1]
    "#]]
    .assert_eq(&virtsh.output(["define web.xml"]));
    virtsh.file("web.xml", &WEB.replace("<vcpu>", "<vcpus>"));
    expect![[r#"
        error: Failed to define domain from web.xml
        error: expected 'vcpus' tag, not 'vcpu' at 4:11
        [exit code 1]
    "#]]
    .assert_eq(&virtsh.output(["-q", "define web.xml"]));
}

#[test]
fn names_and_words_can_be_changed() {
    check(
        "domrename test web",
        expect![[r#"
        error: Requested operation is not valid: cannot rename active domain

        [exit code 1]
    "#]],
    );
    check(
        "destroy test; domrename test web; list --all",
        expect![[r#"
        Domain 'test' destroyed

        Domain successfully renamed

         Id   Name   State
        -----------------------
         -    web    shut off

    "#]],
    );
    check(
        "desc test; desc test --title; desc test some words; desc test",
        expect![[r#"
        No description for domain: test
        No title for domain: test
        Domain description updated successfully
        some words
    "#]],
    );
    check(
        "metadata test urn:x --key k --set <a/>; metadata test urn:x; metadata test urn:x --remove; metadata test urn:x",
        expect![[r#"
            Metadata modified

            <a/>

            Metadata removed



        "#]],
    );
    check(
        "metadata test urn:x --set <a/>",
        expect![[r#"
        error: namespace key is required when modifying metadata

        [exit code 1]
    "#]],
    );
    check(
        "metadata test urn:x --set <a/> --remove",
        expect![[r#"
        error: Options --remove and --set are mutually exclusive

        [exit code 1]
    "#]],
    );
}

#[test]
fn memory_and_vcpus() {
    check(
        "setmem test 1GiB; setmaxmem test 2G --config; setmem test 42 --current --live",
        expect![[r#"


        error: Options --current and --live are mutually exclusive

        [exit code 1]
    "#]],
    );
    check(
        "setmaxmem test 1GiB",
        expect![[r#"
        error: Unable to change MaxMemorySize
        error: Requested operation is not valid: cannot resize the maximum memory on an active domain

        [exit code 1]
    "#]],
    );
    check(
        "setmem test 3x",
        expect![[r#"
        error: Scaled numeric value '3x' for <size> option is malformed or out of range
        error: invalid argument: unknown suffix 'x'

        [exit code 1]
    "#]],
    );
    check(
        "setvcpus test 1; vcpucount test; vcpucount test --live; setvcpus test 0",
        expect![[r#"

        maximum      config         2
        maximum      live           2
        current      config         2
        current      live           1

        1

        error: Can't set 0 processors for a VM

        [exit code 1]
    "#]],
    );
    check(
        "setvcpus test 4 --maximum",
        expect![[r#"
        error: Option --config is required by option --maximum

        [exit code 1]
    "#]],
    );
    check(
        "setvcpus test four",
        expect![[r#"
        error: Numeric value 'four' for <count> option is malformed or out of range

        [exit code 1]
    "#]],
    );
    check(
        "destroy test; vcpucount test",
        expect![[r#"
        Domain 'test' destroyed

        maximum      config         2
        current      config         2

    "#]],
    );
}

#[test]
fn consoles_need_a_terminal() {
    check(
        "console test",
        expect![[r#"
        error: Cannot run interactive console without a controlling TTY

        [exit code 1]
    "#]],
    );
    check(
        "destroy test; console test",
        expect![[r#"
        Domain 'test' destroyed

        error: The domain is not running

        [exit code 1]
    "#]],
    );
}

#[test]
fn a_screenshot_is_a_file() {
    let virtsh = Virtsh::new();
    expect![[r#"
        Screenshot saved to picture.png, with type of image/png
    "#]]
    .assert_eq(&virtsh.output(["screenshot test picture.png"]));
    assert!(std::fs::read(virtsh.directory().join("picture.png")).unwrap().starts_with(b"\x89PNG"));
    expect![[r#"
        error: cannot create file 'missing/picture.png': No such file or directory

        [exit code 1]
    "#]]
    .assert_eq(&virtsh.output(["screenshot test missing/picture.png"]));
    virtsh.output(["screenshot test"]);
    let files = std::fs::read_dir(virtsh.directory()).unwrap().map(|entry| entry.unwrap().file_name());
    let named = files.filter(|name| name.to_str().unwrap().starts_with("test-20"));
    assert_eq!(named.count(), 1);
}

const WEB: &str = "<domain type='test'>
  <name>web</name>
  <memory unit='MiB'>256</memory>
  <vcpu>2</vcpu>
  <os>
    <type>hvm</type>
  </os>
</domain>
";

/// Generated UUIDs differ every time.
fn without_uuid(text: &str) -> String {
    let lines = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("UUID:") && !line.starts_with("CPU time:"));
    lines.collect()
}

#[test]
fn the_memory_of_a_guest_is_kept() {
    check(
        "managedsave test; domstate test --reason; managedsave test; managedsave-remove test; managedsave-remove test; \
         managedsave-dumpxml test; restore /no/such/file; save test /no/such/file; start test; managedsave test --paused; \
         start test; domstate test --reason",
        expect![[r#"
            Domain 'test' state saved by libvirt

            shut off (saved)

            error: Failed to save domain 'test' state
            error: Requested operation is not valid: domain is not running

            Removed managedsave image for domain 'test'

            Domain 'test' has no manage save image; removal skipped

            error: Requested operation is not valid: domain does not have managed save image

            error: Failed to restore domain from /no/such/file
            error: cannot read domain image '/no/such/file': No such file or directory

            error: Failed to save domain 'test' to /no/such/file
            error: Requested operation is not valid: domain is not running

            Domain 'test' started

            Domain 'test' state saved by libvirt

            Domain 'test' started

            paused (user)

        "#]],
    );
}

#[test]
fn statistics() {
    check(
        "domstats test --state; domstats --list-inactive; domifstat test nowhere",
        expect![[r#"
        Domain: 'test'
          state.state=1
          state.reason=0



        error: Failed to get interface stats test nowhere
        error: invalid argument: invalid path, 'nowhere' is not a known interface

        [exit code 1]
    "#]],
    );
}
