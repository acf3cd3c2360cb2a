// Runs a script of deploy/mongodb as mongosh would, on a database that is only said to be there; writes down what it asks for.
//
//   node mongosh.js SCRIPT '{"collections": […], "sharded": […], "ranges": […], "initiated": false}'
const fs = require('fs');
const vm = require('vm');

const [script, said] = process.argv.slice(2);
const there = JSON.parse(said);
const calls = [];
const recorded = (group, names) =>
  Object.fromEntries(names.map(name => [name, (...values) => void calls.push([`${group}.${name}`, ...values])]));

const config = {
  collections: { findOne: ({ _id }) => (there.sharded.includes(_id) ? { _id } : null) },
  tags: { find: ({ ns }) => ({ toArray: () => there.ranges.filter(each => each.ns === ns) }) }
};
const db = { getName: () => 'chats', getCollectionNames: () => there.collections, getSiblingDB: () => config };
const sh = {
  getBalancerState: () => there.balances,
  ...recorded('sh', ['enableSharding', 'shardCollection', 'addShardToZone', 'updateZoneKeyRange']),
  ...recorded('sh', ['removeRangeFromZone', 'stopBalancer', 'startBalancer'])
};
const rs = {
  status: () => {
    if (!there.initiated) throw Object.assign(new Error('no replset config'), { codeName: there.code });
  },
  ...recorded('rs', ['initiate'])
};

try {
  const MinKey = () => 'MinKey';
  const MaxKey = () => 'MaxKey';
  vm.runInNewContext(fs.readFileSync(script, 'utf8'), { db, sh, rs, process, print: () => {}, MinKey, MaxKey });
  console.log(JSON.stringify({ calls, error: null }));
} catch (error) {
  console.log(JSON.stringify({ calls, error: error.message }));
}
