"""The embedded log: one durable, single-node broker that speaks the Kafka protocol on loopback.

A node starts it as a child process (`supervisor.EmbeddedBroker` → `python -m streams.broker` →
`child`), tests run it in their own loop (`broker.Broker`). Any Kafka client works against it.
Record batches are checked once at the door and stay opaque bytes from there to the consumer.

What is where, from the outside in
    supervisor, child       the node's side · the process: inherited socket, life pipe, exit codes
    server, connection      the port and its bounds · one client: requests in, answers in order
    frames, login, auth     cutting the stream · SASL/PLAIN · the two principals
    protocol, skim          what is served, decoding by kio · checking lengths before that
    wire, codes             encoding · error codes
    apis/                   a module for each family of requests
    broker                  puts it together
    groups, members         the state machine of one consumer group · what it tells its members
    commit, cycle           group commit: threads, and what one cycle writes
    store, partition        the state on the event loop · offsets, places and producers of a partition
    segment, index, batches files of batches · sparse indexes · the batch format
    wal, checkpoint         the write-ahead log · what makes it reusable
    recovery                opening a folder after any kind of end
    retention, compaction   what goes: old or surplus segments · records with a newer one of their key
    records                 inside of a batch, for compaction alone
    topics, offsets, producers, identity, lock, space, journal, limits, failures
    disk                    the one door to the file system, replaced by tests

The folder
    log.json          identity and format      topics.json    the catalogue
    producer-ids      the next free block      checkpoint     what is durable in the segments
    wal/{0,1}.wal     two turns of the write-ahead log
    partitions/<topic id>-<partition>/<base offset>[-<times compacted>].{log,index}
    credentials.json, lock

Write order
    Produce           batch written to its segment → the same batch in the write-ahead log, synced
                      (or, in a large cycle, the segment and its name synced) → readers see it,
                      the producer is answered, waiting fetches wake. Nobody reads or is told of
                      anything before.
    Commit of offsets write-ahead log synced → in force → answered.
    Checkpoint        segments synced → folders synced → index caches → checkpoint file replaced
                      (new file synced → renamed → folder synced) → the older turn of the
                      write-ahead log may be written again.
    Topics            catalogue replaced → topic in use; catalogue replaced → files removed.
    Retention         checkpoint with the new start → files unlinked → folder synced.
    Compaction        new segments and folder synced → where the topic has to forget: two checkpoints,
                      each followed by zeros over the turn that it freed → checkpoint naming the
                      new segments → old ones unlinked.
    Producer ids      block reserved on disk → first id of it given out.
    A failed write or fsync ends the process with its own exit code (`failures`); it is never
    retried, because the system may have dropped the data and report success the next time.

Recovery takes everything up to the checkpoint as it is, scans only what lies behind it, replays
the write-ahead log, syncs, and then serves. What was durable and is missing stops the start.
"""
