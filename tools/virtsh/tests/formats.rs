//! The same answers as tables and as data.

mod support;

use expect_test::{Expect, expect};
use support::Virtsh;

fn check(format: &str, commands: &str, expected: Expect) {
    let output = Virtsh::new().output(["--format", format, commands]);
    let lines = output.split_inclusive('\n').filter(|line| !line.contains("cpu_time_ns"));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn lists() {
    check(
        "table",
        "list",
        expect![[r#"
        ╭────┬──────┬─────────╮
        │ Id │ Name │ State   │
        ├────┼──────┼─────────┤
        │ 1  │ test │ running │
        ╰────┴──────┴─────────╯

    "#]],
    );
    check(
        "json",
        "list",
        expect![[r#"
        [
          {
            "id": 1,
            "name": "test",
            "state": "running",
            "uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f",
            "reason": "unknown",
            "persistent": true,
            "autostart": false,
            "managed_save": false
          }
        ]
    "#]],
    );
    check(
        "yaml",
        "list",
        expect![[r#"
        ---
        - id: 1
          name: test
          state: running
          uuid: 6695eb01-f6a4-8304-79aa-97f2502e193f
          reason: unknown
          persistent: true
          autostart: false
          managed_save: false
    "#]],
    );
    check(
        "csv",
        "list",
        expect![[r#"
        id,name,state,uuid,reason,persistent,autostart,managed_save
        1,test,running,6695eb01-f6a4-8304-79aa-97f2502e193f,unknown,true,false,false
    "#]],
    );
}

#[test]
fn records() {
    check(
        "table",
        "nodeinfo",
        expect![[r#"
        ╭────────────────────┬─────────────╮
        │ CPU model          │ i686        │
        │ CPU(s)             │ 16          │
        │ CPU frequency      │ 1400 MHz    │
        │ CPU socket(s)      │ 2           │
        │ Core(s) per socket │ 2           │
        │ Thread(s) per core │ 2           │
        │ NUMA cell(s)       │ 2           │
        │ Memory size        │ 3145728 KiB │
        ╰────────────────────┴─────────────╯

    "#]],
    );
    check(
        "json",
        "domstate test",
        expect![[r#"
        {
          "state": "running",
          "reason": "unknown"
        }
    "#]],
    );
    check(
        "yaml",
        "nodeinfo",
        expect![[r#"
        ---
        cpu_model: i686
        cpus: 16
        mhz: 1400
        sockets: 2
        cores: 2
        threads: 2
        nodes: 2
        memory_kib: 3145728
    "#]],
    );
    check(
        "csv",
        "nodeinfo",
        expect![[r#"
        cpu_model,cpus,mhz,sockets,cores,threads,nodes,memory_kib
        i686,16,1400,2,2,2,2,3145728
    "#]],
    );
}

#[test]
fn single_values() {
    check(
        "json",
        "domid test; destroy test; domid test",
        expect![[r#"
        {
          "id": 1
        }
        {
          "name": "test",
          "uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f",
          "message": "Domain 'test' destroyed"
        }
        {
          "id": null
        }
    "#]],
    );
    check(
        "yaml",
        "uri",
        expect![[r#"
        ---
        uri: test:///default
    "#]],
    );
    check(
        "csv",
        "uri",
        expect![[r#"
        uri
        test:///default
    "#]],
    );
    check(
        "table",
        "uri",
        expect![[r#"
        test:///default

    "#]],
    );
}

#[test]
fn texts() {
    check(
        "json",
        "domcapabilities",
        expect![[r#"
        {
          "xml": "<domainCapabilities>\n  <domain>test</domain>\n  <arch>i686</arch>\n  <cpu>\n    <mode name='host-passthrough' supported='no'/>\n    <mode name='maximum' supported='no'/>\n    <mode name='host-model' supported='no'/>\n    <mode name='custom' supported='no'/>\n  </cpu>\n  <devices>\n  </devices>\n  <features>\n    <sev supported='no'/>\n    <sgx supported='no'/>\n  </features>\n</domainCapabilities>\n"
        }
    "#]],
    );
}

#[test]
fn virtsh_itself() {
    check(
        "csv",
        "help monitor; destroy test; plan test; help pwd; echo a b",
        expect![[r#"
            group,name,summary
            monitor,domifstat,get network interface stats for a domain
            monitor,dominfo,domain information
            monitor,domstate,domain state
            monitor,domstats,get statistics about one or multiple domains
            monitor,list,list domains
            name,uuid,message
            test,6695eb01-f6a4-8304-79aa-97f2502e193f,Domain 'test' destroyed
            action,id,description,interface,memory_kib,vcpus
            reserve-id,any,give the guest the next number of the host,,,
            name-interface,,show the guest's interface as 'testnet0',testnet0,,
            simulate,,let the guest 'test' be running,,2097152,2
            name,summary,description,options
            pwd,print the current directory,Print the current directory.,[]
            text
            a b
        "#]],
    );
    check(
        "json",
        "help pwd; echo a b",
        expect![[r#"
        {
          "name": "pwd",
          "summary": "print the current directory",
          "description": "Print the current directory.",
          "options": []
        }
        {
          "text": "a b"
        }
    "#]],
    );
    check(
        "yaml",
        "help pwd",
        expect![[r#"
        ---
        name: pwd
        summary: print the current directory
        description: Print the current directory.
        options: []
    "#]],
    );
}

#[test]
fn errors_are_data_too() {
    check(
        "json",
        "dominfo nobody; start test; suspend test; suspend test; resume test; resume test",
        expect![[r#"
        {"error":{"message":"failed to get domain 'nobody'","context":[],"code":null,"domain":null,"place":null,"hint":null}}
        {"error":{"message":"Domain is already active","context":[],"code":null,"domain":null,"place":null,"hint":null}}
        {
          "name": "test",
          "uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f",
          "message": "Domain 'test' suspended"
        }
        {"error":{"message":"internal error: domain 'test' not running","context":["Failed to suspend domain 'test'"],"code":1,"domain":12,"place":null,"hint":null}}
        {
          "name": "test",
          "uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f",
          "message": "Domain 'test' resumed"
        }
        {"error":{"message":"internal error: domain 'test' not paused","context":["Failed to resume domain 'test'"],"code":1,"domain":12,"place":null,"hint":null}}
        [exit code 1]
    "#]],
    );
    let virtsh = Virtsh::new();
    virtsh.file("bad.xml", "<domain type='test'>\n  <name>a</name>\n  <vcpu>x</vcpu>\n</domain>\n");
    expect![[r#"
        {"error":{"message":"XML error: maximum vcpus count must be an integer","context":["Failed to define domain from bad.xml"],"code":27,"domain":20,"place":{"line":3,"column":9,"path":"/domain/vcpu"},"hint":null}}
        [exit code 1]
    "#]].assert_eq(&virtsh.output(["--format", "json", "define bad.xml"]));
}

#[test]
fn the_format_may_stand_behind_the_command() {
    let before = Virtsh::new().output(["--format", "csv", "list", "--all"]);
    assert_eq!(Virtsh::new().output(["list", "--all", "--format", "csv"]), before);
    assert_eq!(Virtsh::new().output(["list", "--format=csv", "--all"]), before);
}
