-- The demo's tables. They have a schema of their own, so that a database which is used for more can hold them too.

CREATE SCHEMA IF NOT EXISTS film_demo;

-- What this database is called, unlike every other that was filled.
CREATE TABLE IF NOT EXISTS film_demo.edition (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid()
);

CREATE TABLE IF NOT EXISTS film_demo.genres (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS film_demo.directors (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS film_demo.films (
  id integer PRIMARY KEY,
  title text NOT NULL,
  released date NOT NULL,
  year integer GENERATED ALWAYS AS (extract(year FROM released)::integer) STORED,
  genre_id integer REFERENCES film_demo.genres,
  director_id integer REFERENCES film_demo.directors,
  distributor text,
  source text,
  style text,
  mpaa text,
  minutes integer,
  budget bigint,
  us_gross bigint,
  world_gross bigint,
  tomatoes integer CHECK (tomatoes BETWEEN 0 AND 100),
  imdb numeric(3, 1),
  imdb_votes integer
);
CREATE INDEX IF NOT EXISTS films_by_genre ON film_demo.films (genre_id, year);
CREATE INDEX IF NOT EXISTS films_by_year ON film_demo.films (year);
CREATE INDEX IF NOT EXISTS films_by_director ON film_demo.films (director_id);

CREATE TABLE IF NOT EXISTS film_demo.ratings (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  film_id integer NOT NULL REFERENCES film_demo.films,
  stars integer NOT NULL CHECK (stars BETWEEN 1 AND 5),
  rated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ratings_by_film ON film_demo.ratings (film_id) INCLUDE (stars);
