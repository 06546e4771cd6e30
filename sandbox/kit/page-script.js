// Runs in the browser. Values of records reach the page as text and as form values, never as HTML.
// Over 60 lines: the script of a page, in a function so that its names stay its own. It consists of short functions.
(() => {
  const config = JSON.parse(document.getElementById('config').textContent);
  const at = (id) => document.getElementById(id);
  const state = { entity: config.entities[0], field: '', value: '', page: 1, tokens: [''], pages: 1, shown: 0 };
  const perPage = 25;

  function element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    Object.assign(made, properties);
    made.append(...children);
    return made;
  }

  function valueAt(record, path) {
    let value = record;
    for (const key of path.split('.')) value = value === null || value === undefined ? undefined : value[key];
    return value;
  }

  function setAt(record, path, value) {
    const keys = path.split('.');
    let place = record;
    keys.slice(0, -1).forEach((key, i) => {
      if (place[key] === null || typeof place[key] !== 'object') place[key] = /^\d+$/.test(keys[i + 1]) ? [] : {};
      place = place[key];
    });
    place[keys.at(-1)] = value;
  }

  const shownAs = (value) =>
    value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);

  function say(text, bad = false) {
    at('message').textContent = text;
    at('message').className = bad ? 'bad' : '';
  }

  async function call(method, url, body) {
    const answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${config.token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const content = answer.status === 204 ? null : await answer.json();
    if (!answer.ok) {
      const fields = (content.errors ?? []).map((error) => `${error.field}: ${error.message}`).join('; ');
      throw new Error([content.message, fields].filter(Boolean).join(' '));
    }
    return { content, headers: answer.headers };
  }

  function listUrl() {
    const { entity, field, value, page, tokens } = state;
    const query = new URLSearchParams();
    if (config.kind === 'shop') {
      query.set('page', page);
      query.set('per_page', perPage);
      query.set('sort', entity.newestFirst);
      if (value !== '') query.set(field, value);
    } else {
      query.set('page_size', perPage);
      query.set('order_by', entity.newestFirst);
      if (entity.listFields) query.set('fields', entity.listFields);
      if (value !== '') query.set('filter', `${field}==${value}`);
      if (tokens[page - 1]) query.set('page_token', tokens[page - 1]);
    }
    return `${entity.path}?${query}`;
  }

  /** Some of Keap's lists name the next page by its whole address. */
  const tokenOf = (next) => (URL.canParse(next) ? new URL(next).searchParams.get('page_token') : next);

  async function show() {
    try {
      const { content, headers } = await call('GET', listUrl());
      const records = config.kind === 'shop' ? content : content[state.entity.plural];
      if (config.kind === 'shop') {
        state.pages = Math.max(1, Number(headers.get('x-total-pages')));
        say(`${headers.get('x-total')} records`);
      } else {
        state.tokens[state.page] = tokenOf(content.next_page_token ?? '');
        state.pages = content.next_page_token ? state.page + 1 : state.page;
        say(`${records.length} records on this page`);
      }
      drawList(records);
    } catch (error) {
      say(error.message, true);
      drawList([]);
    }
    drawPages();
  }

  function drawList(records) {
    const columns = ['id', ...state.entity.columns];
    const head = element(
      'tr',
      {},
      ...columns.map((column) => element('th', { textContent: column.replace(/_/g, ' ') })),
    );
    const rows = records.map((record) => {
      const row = element('tr', { tabIndex: 0 });
      for (const column of columns)
        row.append(element('td', { textContent: shownAs(valueAt(record, column)), dir: 'auto' }));
      row.addEventListener('click', () => edit(record.id));
      row.addEventListener('keydown', (event) => event.key === 'Enter' && edit(record.id));
      return row;
    });
    at('list').replaceChildren(element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)));
  }

  function drawPages() {
    const step = (text, by, possible) => {
      const button = element('button', { type: 'button', textContent: text, disabled: !possible });
      button.addEventListener('click', () => {
        state.page += by;
        show();
      });
      return button;
    };
    const where = config.kind === 'shop' ? `page ${state.page} of ${state.pages}` : `page ${state.page}`;
    at('pages').replaceChildren(
      step('Earlier', -1, state.page > 1),
      element('span', { textContent: where }),
      step('Later', 1, state.page < state.pages),
    );
  }

  function drawTabs() {
    at('tabs').replaceChildren(
      ...config.entities.map((entity) => {
        const tab = element('button', { type: 'button', textContent: entity.label });
        tab.setAttribute('aria-current', String(entity === state.entity));
        tab.addEventListener('click', () => open(entity));
        return tab;
      }),
    );
  }

  function drawSearch() {
    const field = element('select', { ariaLabel: 'Search in' });
    for (const name of state.entity.search)
      field.append(element('option', { value: name, textContent: name.replace(/_/g, ' ') }));
    const value = element('input', { type: 'search', placeholder: 'Search', ariaLabel: 'Search for' });
    const go = element('button', { type: 'submit', textContent: 'Search' });
    const fresh = element('button', { type: 'button', textContent: 'New', className: 'main' });
    fresh.addEventListener('click', () => form({}));
    at('search').replaceChildren(field, value, go, fresh);
    at('search').onsubmit = (event) => {
      event.preventDefault();
      Object.assign(state, { field: field.value, value: value.value, page: 1, tokens: [''] });
      show();
    };
  }

  function open(entity) {
    Object.assign(state, { entity, field: '', value: '', page: 1, tokens: [''] });
    drawTabs();
    drawSearch();
    show();
  }

  async function edit(id) {
    try {
      const { entity } = state;
      form(
        (await call('GET', `${entity.path}/${id}${entity.readFields ? `?fields=${entity.readFields}` : ''}`)).content,
      );
    } catch (error) {
      say(error.message, true);
    }
  }

  function input(field, value) {
    if (field.type === 'boolean') return element('input', { type: 'checkbox', checked: value === true });
    const text = field.type === 'json' && value ? JSON.stringify(value, null, 2) : shownAs(value);
    if (field.type === 'long' || field.type === 'json') return element('textarea', { value: text, dir: 'auto' });
    return element('input', {
      type: field.type === 'number' ? 'number' : 'text',
      step: 'any',
      value: text,
      dir: 'auto',
    });
  }

  function contentOf(field, box) {
    if (field.type === 'boolean') return box.checked;
    if (box.value === '') return null;
    if (field.type === 'number') return Number(box.value);
    if (field.type === 'json') return JSON.parse(box.value);
    return box.value;
  }

  // Over 60 lines: one form. Its buttons share its fields and its line for problems.
  function form(record) {
    const dialog = at('editor');
    const fresh = record.id === undefined;
    const problem = element('p', { className: 'problem' });
    const rows = state.entity.fields.map((field) => {
      const box = input(field, valueAt(record, field.from ?? field.path));
      return { field, box, before: JSON.stringify(contentOf(field, box)) };
    });
    const cancel = element('button', { type: 'button', textContent: 'Cancel' });
    cancel.addEventListener('click', () => dialog.close());
    const remove = element('button', { type: 'button', textContent: 'Delete', hidden: fresh });
    const body = element(
      'form',
      {},
      element('h2', { textContent: fresh ? `New: ${state.entity.label}` : `${state.entity.label} ${record.id}` }),
      ...rows.map(({ field, box }) =>
        element('label', {}, element('span', { textContent: field.path.replace(/_/g, ' ') }), box),
      ),
      problem,
      element(
        'div',
        { className: 'actions' },
        element('button', { type: 'submit', textContent: 'Save', className: 'main' }),
        cancel,
        remove,
      ),
    );

    async function send(method, url, content, done) {
      try {
        await call(method, url, content);
        dialog.close();
        await show();
        say(done);
      } catch (error) {
        problem.textContent = error.message;
      }
    }
    body.onsubmit = (event) => {
      event.preventDefault();
      const next = structuredClone(record);
      const changed = new Set();
      try {
        for (const { field, box, before } of rows) {
          const value = contentOf(field, box);
          if (JSON.stringify(value) === before && !(fresh && field.type === 'boolean')) continue;
          setAt(next, field.path, value);
          changed.add(field.path.split('.')[0]);
        }
      } catch (error) {
        problem.textContent = error.message;
        return;
      }
      // A nested object goes whole: Keap replaces it, the shop merges it.
      const sent = (key, value) => (state.entity.readOnly?.includes(key) ? undefined : value);
      const content = JSON.parse(
        JSON.stringify(Object.fromEntries([...changed].map((name) => [name, next[name]])), sent),
      );
      if (fresh) send('POST', state.entity.path, content, 'Created.');
      else if (changed.size === 0) dialog.close();
      else {
        const mask = config.kind === 'keap' ? `?${[...changed].map((name) => `update_mask=${name}`).join('&')}` : '';
        send('PATCH', `${state.entity.path}/${record.id}${mask}`, content, 'Saved.');
      }
    };
    remove.addEventListener('click', () => {
      if (confirm('Delete this record?')) send('DELETE', `${state.entity.path}/${record.id}`, undefined, 'Deleted.');
    });
    dialog.replaceChildren(body);
    dialog.showModal();
  }

  open(state.entity);
})();
