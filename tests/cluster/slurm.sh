#!/bin/sh
# A SLURM cluster of two nodes on this one machine, for tests: slurm.sh start|stop FOLDER
#
# Debian's packages munge, slurmctld, slurmd and slurm-client are all it needs; run it as root. Everything that
# it makes lies in FOLDER, and it listens on the loopback alone. `SLURM_CONF=FOLDER/slurm.conf sbatch ...` uses it.
# One partition, `debug`. A node pretends to have four cores, so that small jobs run side by side.
set -eu

PATH=$PATH:/usr/sbin:/sbin
folder=$(realpath -m "$2")
export SLURM_CONF="$folder/slurm.conf"

free_ports() {
    python3 - <<'PYTHON'
import socket
sockets = [socket.socket() for _ in range(3)]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))
PYTHON
}

configure() {
    read -r control first second <<PORTS
$(free_ports)
PORTS
    cat > "$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$control
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=10
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=100000,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
MailProg=/bin/true
PreemptMode=REQUEUE
PreemptType=preempt/partition_prio
JobRequeue=1
KillWait=5
NodeName=one NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$first CPUs=4 State=UNKNOWN
NodeName=two NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$second CPUs=4 State=UNKNOWN
PartitionName=debug Nodes=one,two Default=YES MaxTime=60 State=UP
CONF
}

wait_for() { # seconds, then a command that succeeds once it is there
    left=$(($1 * 10))
    shift
    until "$@" > /dev/null 2>&1; do
        left=$((left - 1))
        if [ "$left" = 0 ]; then
            echo "gave up waiting for: $*; its log is in $folder" >&2
            return 1
        fi
        sleep 0.1
    done
}

both_idle() {
    [ "$(sinfo --noheader --Node --format=%t | grep -c '^idle$')" = 2 ]
}

start() {
    mkdir -p "$folder/state" "$folder/spool-one" "$folder/spool-two"
    configure
    head -c 128 /dev/urandom > "$folder/munge.key"
    chmod 600 "$folder/munge.key"
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munged.seed"
    slurmctld
    slurmd -N one
    slurmd -N two
    wait_for 30 both_idle
}

stop() {
    scancel --user="$(id -un)" 2> /dev/null || true
    for name in slurmd-one slurmd-two slurmctld munged; do
        if [ -s "$folder/$name.pid" ]; then
            process=$(cat "$folder/$name.pid")
            kill "$process" 2> /dev/null || true
            wait_for 10 eval "! kill -0 $process" || kill -9 "$process" 2> /dev/null || true
        fi
    done
}

case $1 in
    start) start || { stop; exit 1; } ;;
    stop) stop ;;
    *) echo "slurm.sh start|stop FOLDER" >&2; exit 2 ;;
esac
