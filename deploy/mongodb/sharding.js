// Spreads what people own over the shards of a cluster, each person on one of them. May be run again: after an upgrade, or with
// other shards.
//
//   AICHAT_SHARDS=shard-1,shard-2 mongosh 'mongodb://mongos/jupyter_aichat' deploy/mongodb/sharding.js
//
// The collections must be there: start one replica of the service first. docs/operators/mongodb.md says what this means.
const SHARDED = ['chats', 'messages', 'runs', 'segments', 'keys', 'usage', 'charged', 'remains'];
// Looked up by something else than whose they are, which a unique index over all shards would have to know.
const UNSHARDED = ['accounts', 'audit', 'instances', 'invitations', 'marks', 'schema', 'sessions', 'shares', 'tokens'];
const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'; // of owners' ids, which are random

const shards = (process.env.AICHAT_SHARDS || '').split(',').filter(Boolean);

/** Refuses a database that this script is too old or too early for. */
function check() {
  const there = db.getCollectionNames().filter(each => !each.startsWith('system.'));
  const missing = SHARDED.filter(each => !there.includes(each));
  const unknown = there.filter(each => !SHARDED.includes(each) && !UNSHARDED.includes(each));
  if (missing.length) throw new Error(`There is no ${missing.join(', ')}: start one replica of the service first.`);
  if (unknown.length) throw new Error(`This script does not know ${unknown.join(', ')}: take that of the service's version.`);
  if (shards.length > LETTERS.length) throw new Error(`A zone for each shard is possible for ${LETTERS.length} of them.`);
}

/** Where a shard's part of the owners begins; the parts leave nothing out. */
function begin(index) {
  if (index === 0) return MinKey();
  return index === shards.length ? MaxKey() : LETTERS[Math.round((index * LETTERS.length) / shards.length)];
}

/** Gives each shard the same owners in all collections, so that what is written together is in one place. */
function keepTogether() {
  const moving = sh.getBalancerState();
  if (moving) sh.stopBalancer();
  for (const shard of shards) sh.addShardToZone(shard, `owners-${shard}`);
  for (const namespace of SHARDED.map(each => `${db.getName()}.${each}`)) {
    const before = db.getSiblingDB('config').tags.find({ ns: namespace }).toArray();
    for (const { min, max } of before) sh.removeRangeFromZone(namespace, min, max);
    shards.forEach((shard, index) => {
      sh.updateZoneKeyRange(namespace, { owner_id: begin(index) }, { owner_id: begin(index + 1) }, `owners-${shard}`);
    });
  }
  if (moving) sh.startBalancer();
}

/** Shards what is not sharded yet, by the indexes that are there. */
function shard() {
  sh.enableSharding(db.getName());
  for (const namespace of SHARDED.map(each => `${db.getName()}.${each}`)) {
    const known = { _id: namespace, unsplittable: { $ne: true } }; // since 8.0 there are others than sharded ones, too
    if (db.getSiblingDB('config').collections.findOne(known) === null) {
      sh.shardCollection(namespace, { owner_id: 1 });
      print(`${namespace} is sharded.`);
    }
  }
}

check();
shard();
if (shards.length) keepTogether();
