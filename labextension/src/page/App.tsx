import * as React from 'react';
import { useCell } from '../ui/state/cell';
import { ServiceContext, type Service } from './context';
import { addressOf, safeNext, type Place } from './places';
import { Boundary } from './parts/Boundary';
import { Inside } from './views/Inside';
import { Login } from './views/Login';
import { Away } from './views/Plain';
import { Register } from './views/Register';
import { Shared } from './views/Shared';

/** Which view is shown: by who is there, then by the address. */
export function App({ service }: { service: Service }): React.ReactElement {
  return (
    <ServiceContext.Provider value={service}>
      <Boundary trans={service.trans}>
        <Shown service={service} />
      </Boundary>
    </ServiceContext.Provider>
  );
}

function Shown({ service }: { service: Service }): React.ReactElement {
  const { session, router } = service;
  const standing = useCell(session.standing);
  const place = useCell(router.place);
  React.useEffect(() => {
    if (standing.state === 'in' && isDoor(place)) {
      router.goTo(safeNext(place.next), true);
    } else if (standing.state === 'out' && !isDoor(place) && place.view !== 'shared') {
      const next = standing.why === 'left' ? '' : safeNext(addressOf(place)); // another person may be next
      router.go({ view: 'login', next }, true);
    }
  }, [standing, place, router]);
  if (place.view === 'shared' && (standing.state === 'in' || standing.state === 'out')) {
    return <Shared token={place.token} />;
  }
  switch (standing.state) {
    case 'unknown':
      return <div className="aichat" aria-busy="true" />;
    case 'away':
      return <Away error={standing.error} />;
    case 'in':
      return isDoor(place) ? <div className="aichat" /> : <Inside me={standing.me} />;
    case 'out':
      return place.view === 'register' ? (
        <Register invitation={place.invitation} next={place.next} />
      ) : (
        <Login next={place.view === 'login' ? place.next : ''} />
      );
  }
}

type Door = Extract<Place, { view: 'login' | 'register' }>;

const isDoor = (place: Place): place is Door => place.view === 'login' || place.view === 'register';
