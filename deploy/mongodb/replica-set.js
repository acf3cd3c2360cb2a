// Makes a replica set, once, of members that were started with --replSet; where it is there already, nothing is done.
//
//   AICHAT_MEMBERS=mongo-1:27017,mongo-2:27017,mongo-3:27017 mongosh --host mongo-1 deploy/mongodb/replica-set.js
//
// AICHAT_REPLICA_SET is what the members were started with (rs0). docs/operators/mongodb.md goes on from here.
const name = process.env.AICHAT_REPLICA_SET || 'rs0';
const hosts = (process.env.AICHAT_MEMBERS || '').split(',').filter(Boolean);

if (hosts.length % 2 === 0) {
  throw new Error('AICHAT_MEMBERS names an odd number of members: with an even one no more of them may fail than with one less.');
}

let there = true;
try {
  rs.status();
} catch (error) {
  if (error.codeName !== 'NotYetInitialized') throw error;
  there = false;
}

if (there) {
  print('The replica set is there already.');
} else {
  rs.initiate({ _id: name, members: hosts.map((host, id) => ({ _id: id, host })) });
  print(`The replica set ${name} has ${hosts.length} ${hosts.length === 1 ? 'member' : 'members'}.`);
}
